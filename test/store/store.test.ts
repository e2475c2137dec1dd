import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it, vi } from 'vitest';
import { expectIndexMatchesRows, temporaryStore } from '../support/memories.js';

const ada = { userId: 'ada' };

describe('a store', () => {
  it('gives back what was added, with the defaults filled in', async () => {
    const store = temporaryStore();
    const before = Date.now();
    const { id, stored } = await store.add({ ...ada, content: 'Threads are cheap' });
    expect(stored).toBe(true);
    const memory = store.get(id);
    expect(memory).toMatchObject({
      ...ada,
      id,
      namespace: 'default',
      content: 'Threads are cheap',
      importance: 0.5,
      expiresAt: null,
    });
    expect(memory?.createdAt).toBeGreaterThanOrEqual(before);
  });

  it('stores a text once for each user and namespace', async () => {
    const store = temporaryStore();
    const first = await store.add({ ...ada, content: 'once', importance: 0.9 });
    expect(await store.add({ ...ada, content: 'once', importance: 0.1 })).toEqual({ id: first.id, stored: false });
    expect(store.get(first.id)?.importance).toBe(0.9);
    expect((await store.add({ ...ada, namespace: 'work', content: 'once' })).stored).toBe(true);
    expect((await store.add({ userId: 'bob', content: 'once' })).stored).toBe(true);
    expect([store.count('ada'), store.count('ada', 'work'), store.count('bob'), store.count('eve')]).toEqual([
      2, 1, 1, 0,
    ]);
    expectIndexMatchesRows(store.path);
  });

  it('deletes a memory with its vectors, and finds it no more', async () => {
    const store = temporaryStore({ embedder: hashingEmbedder() });
    const { id } = await store.add({ ...ada, content: 'forget me' });
    expect(store.delete(id)).toBe(true);
    expect(store.delete(id)).toBe(false);
    expect(store.get(id)).toBeUndefined();
    for (const mode of ['text', 'vector'] as const) expect(await store.search('forget', { ...ada, mode })).toEqual([]);
    expectIndexMatchesRows(store.path);
  });

  it('never gives the id of a deleted memory to another one', async () => {
    const store = temporaryStore();
    const { id } = await store.add({ ...ada, content: 'the last one' });
    store.delete(id);
    expect((await store.add({ userId: 'bob', content: 'the next one' })).id).toBeGreaterThan(id);
  });

  it('shows no expired memory anywhere, and renews it when its text is added again', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const store = temporaryStore({ embedder: hashingEmbedder() });
      const { id } = await store.add({ ...ada, content: 'fleeting thought', ttlMs: 1_000 });
      await store.add({ ...ada, content: 'lasting thought' });
      const found = async (): Promise<number[]> => {
        const text = await store.search('thought', ada);
        const vector = await store.search('thought', { ...ada, mode: 'vector' });
        return [text.length, vector.length, store.count('ada'), store.get(id) === undefined ? 0 : 1];
      };
      vi.advanceTimersByTime(999);
      expect(await found()).toEqual([2, 2, 2, 1]);
      vi.advanceTimersByTime(1);
      expect(await found()).toEqual([1, 1, 1, 0]);
      expect(await store.add({ ...ada, content: 'fleeting thought', ttlMs: 500 })).toEqual({ id, stored: true });
      expect(await found()).toEqual([2, 2, 2, 1]);
      expect(store.get(id)?.expiresAt).toBe(Date.now() + 500);
      expectIndexMatchesRows(store.path);
    } finally {
      vi.useRealTimers();
    }
  });

  it('keeps every character of a text, NUL and emoji too', async () => {
    const store = temporaryStore();
    const content = 'a\0b 🎉 \u{10FFFF} é "quoted"';
    const { id } = await store.add({ userId: 'ad\0a', content });
    expect(store.get(id)).toMatchObject({ userId: 'ad\0a', content });
    expect(await store.search('quoted', { userId: 'ad' })).toEqual([]);
    expect(await store.search('quoted', { userId: 'ad\0a' })).toMatchObject([{ content }]);
  });

  it('says plainly that it is closed', async () => {
    const store = temporaryStore();
    store.close();
    expect(() => store.get(1)).toThrow('not open');
    await expect(store.search('x', ada)).rejects.toThrow('not open');
  });
});
