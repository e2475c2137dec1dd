import * as fc from 'fast-check';
import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import { BestRows } from '../../dist/sqlite/best-rows.js';
import { connection, fill, temporaryPath, temporaryStore } from '../support/memories.js';

const ada = { userId: 'ada', mode: 'vector' } as const;

describe('vector search', () => {
  it('finds what is spelt alike, the closest first, with the cosine as score', async () => {
    const store = temporaryStore({ embedder: hashingEmbedder() });
    for (const content of ['worker threads in a pool', 'thread pools and workers', 'a recipe for apple pie']) {
      await store.add({ userId: 'ada', content });
    }
    const hits = await store.search('worker threads in a pool', ada);
    expect(hits.map((hit) => hit.content)).toEqual([
      'worker threads in a pool',
      'thread pools and workers',
      'a recipe for apple pie',
    ]);
    expect(hits[0]?.score).toBeCloseTo(1, 5);
    expect(await store.search('aple pie recipies', { ...ada, limit: 1 })).toMatchObject([
      { content: 'a recipe for apple pie' },
    ]);
  });

  it('keeps users, namespaces and models apart', async () => {
    const store = temporaryStore({ embedder: hashingEmbedder({ dimensions: 64 }) });
    await store.add({ userId: 'ada', content: 'mine' });
    await store.add({ userId: 'ada', namespace: 'work', content: 'mine at work' });
    await store.add({ userId: 'bob', content: 'mine too' });
    expect(await store.search('mine', ada)).toHaveLength(2);
    expect(await store.search('mine', { ...ada, namespace: 'work' })).toMatchObject([{ content: 'mine at work' }]);
    const other = temporaryStore({ path: store.path, embedder: hashingEmbedder({ dimensions: 32 }) });
    const refused = { code: 'MODEL_NOT_AT_HAND', message: expect.stringContaining('run migrate_embeddings') };
    await expect(other.search('mine', ada)).rejects.toMatchObject(refused);
    await expect(other.add({ userId: 'ada', content: 'more' })).rejects.toMatchObject(refused);
    const both = temporaryStore({
      path: store.path,
      embedder: [hashingEmbedder({ dimensions: 32 }), hashingEmbedder({ dimensions: 64 })],
    });
    expect(await both.add({ userId: 'ada', content: 'mine' })).toMatchObject({ stored: false });
    expect(await both.search('mine', ada)).toHaveLength(2);
  });

  describe('over many vectors', () => {
    const ROWS = 20_000;

    /** A store in which only the last memory is like the query. */
    async function large(): Promise<ReturnType<typeof temporaryStore>> {
      const embedder = hashingEmbedder({ dimensions: 64 });
      const path = temporaryPath();
      fill(path, ROWS - 1, { users: 1, contentOf: (n) => `number${n}` });
      const store = temporaryStore({ path, embedder });
      const db = connection(path);
      db.prepare(`UPDATE memories SET user_id = 'ada'`).run();
      db.prepare('INSERT INTO vectors (row_id, model, vector) SELECT id, ?, zeroblob(256) FROM memories').run(
        embedder.name,
      );
      await store.add({ userId: 'ada', content: 'the one that counts' });
      return store;
    }

    it('gives other work its turns meanwhile', async () => {
      const store = await large();
      let turns = 0;
      let isSearching = true;
      const count = (): void => {
        turns++;
        if (isSearching) setImmediate(count);
      };
      setImmediate(count);
      const hits = await store.search('the one that counts', { ...ada, limit: 1 });
      isSearching = false;
      expect(hits).toMatchObject([{ content: 'the one that counts' }]);
      expect(turns).toBeGreaterThan(3);
    });

    it('sees the memories as they were when it began, several at once, whatever is written meanwhile', async () => {
      const store = await large();
      const db = connection(store.path);
      const searches = Array.from({ length: 6 }, () => store.search('the one that counts', { ...ada, limit: 1 }));
      await new Promise((resolve) => void setImmediate(resolve));
      db.exec('DELETE FROM memories');
      const found = await Promise.all(searches);
      // Those that had begun find it; the others, which waited for their turn, find nothing.
      expect(found.slice(0, 4).every(([hit]) => hit?.content === 'the one that counts')).toBe(true);
      expect(found.slice(4)).toEqual([[], []]);
      expect(await store.search('the one that counts', ada)).toEqual([]);
    });

    it('ends even when the store is closed meanwhile', async () => {
      const store = await large();
      const search = store.search('the one that counts', { ...ada, limit: 1 });
      await new Promise((resolve) => void setImmediate(resolve));
      store.close();
      expect(await search).toMatchObject([{ content: 'the one that counts' }]);
      await expect(store.search('the one', ada)).rejects.toThrow('not open');
    });
  });

  it('embeds queries as the model wants them', async () => {
    const hashing = hashingEmbedder();
    const embedder = { ...hashing, embedQueries: () => hashing.embed(['what was meant']) };
    const store = temporaryStore({ embedder });
    for (const content of ['what was said', 'what was meant']) await store.add({ userId: 'ada', content });
    const [hit] = await store.search('what was said', ada);
    expect(hit).toMatchObject({ content: 'what was meant' });
    expect(hit?.score).toBeCloseTo(1, 5);
  });

  it('says so when there are memories and none was ever embedded', async () => {
    const plain = temporaryStore();
    const store = temporaryStore({ path: plain.path, embedder: hashingEmbedder() });
    expect(await store.search('anything', ada)).toEqual([]);
    await plain.add({ userId: 'ada', content: 'without a vector' });
    await expect(store.search('anything', ada)).rejects.toMatchObject({
      code: 'NOT_EMBEDDED',
      message: expect.stringContaining('run migrate_embeddings once'),
    });
    const [hit] = await store.search('vector', { ...ada, mode: 'hybrid' });
    expect(Object.keys(hit?.lists ?? {})).toEqual(['text']);
  });

  it('finds nothing for a query without a word', async () => {
    const store = temporaryStore({ embedder: hashingEmbedder() });
    await store.add({ userId: 'ada', content: 'something' });
    expect(await store.search('?!', ada)).toEqual([]);
  });

  it('waits for an embedder that takes its time', async () => {
    const hashing = hashingEmbedder();
    const store = temporaryStore({ embedder: { ...hashing, embed: async (texts) => hashing.embed(texts) } });
    await store.add({ userId: 'ada', content: 'later' });
    expect(await store.search('later', ada)).toMatchObject([{ content: 'later' }]);
  });
});

describe('the best rows', () => {
  it('are those that sorting all of them would give', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.integer({ min: 1, max: 20 }), (scores, limit) => {
        const best = new BestRows(limit);
        const rows = scores.map((score, id) => ({ id: BigInt(id), score }));
        for (const { id, score } of rows) best.offer(id, score);
        expect(best.sorted()).toEqual(
          rows.sort((one, other) => other.score - one.score || Number(one.id - other.id)).slice(0, limit),
        );
      }),
    );
  });
});
