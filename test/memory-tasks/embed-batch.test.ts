import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it, vi } from 'vitest';
import embedBatch from '../../dist/tasks/embed-batch.js';
import { handContext, runByHand } from '../support/memory-task.js';
import { connection, expectIndexMatchesRows, temporaryPath, temporaryStore } from '../support/memories.js';

const texts = (count: number, from = 0): string[] => Array.from({ length: count }, (_, n) => `text number${from + n}`);

describe('embed_batch', () => {
  it('stores each text with its vector, and finds it by words and by vector', async () => {
    const path = temporaryPath();
    const input = { userId: 'ada', contents: texts(20), namespace: 'work', importance: 0.9 };
    expect(await runByHand(embedBatch, input, handContext({ path }))).toEqual({ stored: 20, skipped: 0 });
    const store = temporaryStore({ path, embedder: hashingEmbedder() });
    for (const mode of ['text', 'vector'] as const) {
      const [hit] = await store.search('number7', { userId: 'ada', mode, limit: 1 });
      expect(hit).toMatchObject({ content: 'text number7', namespace: 'work', importance: 0.9, expiresAt: null });
    }
    expectIndexMatchesRows(path);
  });

  it('stores nothing twice when it is run again', async () => {
    const path = temporaryPath();
    const run = (contents: string[]) => runByHand(embedBatch, { userId: 'ada', contents }, handContext({ path }));
    await run(texts(10));
    expect(await run(texts(10))).toEqual({ stored: 0, skipped: 10 });
    expect(await run(texts(10, 5))).toEqual({ stored: 5, skipped: 5 });
    expect(temporaryStore({ path }).count('ada')).toBe(15);
    expectIndexMatchesRows(path);
  });

  it('stores a text once that stands in the input many times, in one chunk or in several', async () => {
    const path = temporaryPath();
    const contents = [...texts(4), ...texts(4), 'text number0', 'text number0', ...texts(2, 100)];
    const result = await runByHand(embedBatch, { userId: 'ada', contents }, handContext({ path }), 5);
    expect(result).toEqual({ stored: 6, skipped: 6 });
    expect(temporaryStore({ path }).count('ada')).toBe(6);
  });

  it('counts each stored row once when a chunk runs again after its commit, however it is cut then', async () => {
    const path = temporaryPath();
    const contents = [...texts(6), 'text number1', 'known'];
    await temporaryStore({ path }).add({ userId: 'ada', content: 'known' });
    const { steps } = embedBatch;
    const context = handContext({ path });
    const input = { userId: 'ada', contents };
    const run = async (...items: number[]) => steps.run?.(items, context, input);
    await run(0, 1, 2, 3);
    // The thread died before it could answer. Its chunk runs again, cut in two.
    await run(0, 1);
    await run(2, 3);
    await run(4, 5, 6, 7);
    expect(await steps.finish?.([], context, input)).toEqual({ stored: 6, skipped: 2 });
    expect(temporaryStore({ path }).count('ada')).toBe(7);
    // Another task that stores the same has stored nothing.
    expect(await runByHand(embedBatch, input, handContext({ path }))).toEqual({ stored: 0, skipped: 8 });
  });

  it('embeds only texts whose vector is not stored yet, and adds a vector where only the text is', async () => {
    const path = temporaryPath();
    await temporaryStore({ path }).add({ userId: 'ada', content: 'text number0' });
    const module = new URL('../dist/logging-embedder.js', import.meta.url).href;
    const log: string[] = [];
    Object.assign(globalThis, { treadleTestEmbedded: log });
    const run = (contents: string[]) =>
      runByHand(
        embedBatch,
        { userId: 'ada', contents },
        handContext({ path, embedders: { default: { module, options: { dimensions: 32 } } } }),
      );
    expect(await run(texts(3))).toEqual({ stored: 2, skipped: 1 });
    expect(log).toEqual(texts(3));
    expect(await run(texts(4))).toEqual({ stored: 1, skipped: 3 });
    expect(log).toEqual(texts(4));
    const models = connection(path).prepare('SELECT model, count(*) FROM vectors GROUP BY model').raw().all();
    expect(models).toEqual([['hashing-v2-d32-g3-5', 4]]);
  });

  it('lets texts expire after ttlMs, and stores them anew when they have', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const path = temporaryPath();
      const store = temporaryStore({ path });
      const run = (ttlMs: number) =>
        runByHand(embedBatch, { userId: 'ada', contents: texts(4), ttlMs }, handContext({ path }));
      await run(1_000);
      expect(store.count('ada')).toBe(4);
      vi.advanceTimersByTime(1_000);
      expect(store.count('ada')).toBe(0);
      expect(await run(1_000)).toEqual({ stored: 4, skipped: 0 });
      expect(store.count('ada')).toBe(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts no text twice when a chunk runs again after its texts have expired or were deleted', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const path = temporaryPath();
      const { steps } = embedBatch;
      const context = handContext({ path });
      const input = { userId: 'ada', contents: texts(4), ttlMs: 1 };
      const run = async (...items: number[]) => steps.run?.(items, context, input);
      await steps.plan?.(input, context);
      await run(0, 1);
      vi.advanceTimersByTime(5);
      await run(0, 1);
      await run(2, 3);
      expect(await steps.finish?.([], context, input)).toEqual({ stored: 4, skipped: 0 });
      // What is gone is stored again; even so, no text is counted that was not there.
      connection(path).exec('DELETE FROM memories');
      await run(0, 1, 2, 3);
      expect(await steps.finish?.([], context, input)).toEqual({ stored: 4, skipped: 0 });
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps each text for ttlMs from when it is stored, however long the task takes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const path = temporaryPath();
      const store = temporaryStore({ path });
      const context = handContext({ path });
      const input = { userId: 'ada', contents: texts(4), ttlMs: 1_000 };
      await embedBatch.steps.run?.([0, 1], context, input);
      vi.advanceTimersByTime(1_500);
      await embedBatch.steps.run?.([2, 3], context, input);
      vi.advanceTimersByTime(999);
      expect(store.count('ada')).toBe(2);
      vi.advanceTimersByTime(1);
      expect(store.count('ada')).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('counts from nothing where its id is that of a task that was killed', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const path = temporaryPath();
      const input = { userId: 'ada', contents: texts(4), ttlMs: 1_000 };
      await embedBatch.steps.run?.([0, 1, 2, 3], handContext({ path }, { taskId: 'first' }), input);
      vi.advanceTimersByTime(1_000);
      const result = await runByHand(embedBatch, input, handContext({ path }, { taskId: 'first' }));
      expect(result).toEqual({ stored: 4, skipped: 0 });
      expect(temporaryStore({ path }).count('ada')).toBe(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it('does nothing for no texts', async () => {
    const input = { userId: 'ada', contents: [] };
    expect(await runByHand(embedBatch, input, handContext({ path: temporaryPath() }))).toEqual({
      stored: 0,
      skipped: 0,
    });
  });

  it('stores nothing of a chunk that is cancelled before it stores', async () => {
    const path = temporaryPath();
    const stop = new Error('stop');
    const context = handContext(
      { path },
      {
        onCheck: () => {
          throw stop;
        },
      },
    );
    await expect(runByHand(embedBatch, { userId: 'ada', contents: texts(3) }, context)).rejects.toBe(stop);
    expect(temporaryStore({ path }).count('ada')).toBe(0);
  });

  it.each([
    ['export {};', 'to be a function, got undefined'],
    ['export default () => null;', 'to be an embedder { name, dimensions, embed }, got null'],
  ])('says what is wrong with the embedder module %j', async (source, message) => {
    const path = temporaryPath();
    const module = join(dirname(path), 'embedder.mjs');
    writeFileSync(module, source);
    const context = handContext({ path, embedders: { default: { module } } });
    const error = await runByHand(embedBatch, { userId: 'ada', contents: texts(1) }, context).catch(String);
    expect(error).toContain('Expected ');
    expect(error).toContain(module);
    expect(error).toContain(message);
  });
});
