import { writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { hashingEmbedder } from 'treadle/embedders';
import { openStore } from 'treadle/store';
import { sqliteTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectRefused } from '../support/bad-values.js';
import { temporaryPath, temporaryStore } from '../support/memories.js';

const memory = { userId: 'ada', content: 'text' };
const long = 'x'.repeat(257);
const shownLong = `"${'x'.repeat(60)}…" (string)`;

describe('bad input', () => {
  it.each([
    ['options', undefined, 'undefined'],
    ['path', {}, 'undefined'],
    ['path', { path: '' }, '"" (string)'],
    ['path', { path: ':memory:' }, '":memory:" (string)'],
    ['embedder', { path: 'x', embedder: 'hashing' }, '"hashing" (string)'],
    ['embedder.dimensions', { path: 'x', embedder: { name: 'x', dimensions: 0, embed() {} } }, '0 (number)'],
  ])('is refused by openStore: %s in %j', async (name, options, shown) => {
    await expectRefused(() => openStore(options as never), name, shown);
  });

  it.each([
    ['memory', null, 'null'],
    ['userId', { ...memory, userId: '' }, '"" (string)'],
    ['userId', { ...memory, userId: long }, shownLong],
    ['content', { ...memory, content: '' }, '"" (string)'],
    ['content', { ...memory, content: 5 }, '5 (number)'],
    ['namespace', { ...memory, namespace: '' }, '"" (string)'],
    ['importance', { ...memory, importance: 1.1 }, '1.1 (number)'],
    ['importance', { ...memory, importance: NaN }, 'NaN (number)'],
    ['ttlMs', { ...memory, ttlMs: 0 }, '0 (number)'],
    ['ttlMs', { ...memory, ttlMs: 1.5 }, '1.5 (number)'],
    ['ttlMs', { ...memory, ttlMs: Number.MAX_SAFE_INTEGER }, '9007199254740991 (number)'],
    ['content', { ...memory, content: 'x\ud800' }, '"x'],
    ['userId', { ...memory, userId: 'u\ud800' }, '"u'],
    ['memory', { ...memory, ttlms: 1 }, '`ttlms`'],
    ['memory', { ...memory, namespac: 'x' }, '`namespac`'],
  ])('is refused by add: %s in %j', async (name, given, shown) => {
    const store = temporaryStore();
    await expectRefused(() => store.add(given as never), name, shown);
    expect(store.count('ada')).toBe(0);
  });

  it.each([
    ['query', 5, { userId: 'ada' }, '5 (number)'],
    ['options', 'x', undefined, 'undefined'],
    ['userId', 'x', {}, 'undefined'],
    ['namespace', 'x', { userId: 'ada', namespace: '' }, '"" (string)'],
    ['mode', 'x', { userId: 'ada', mode: 'both' }, '"both" (string)'],
    ['mode', 'x', { userId: 'ada', mode: 'vector' }, '"vector" (string)'],
    ['mode', 'x', { userId: 'ada', mode: 'hybrid' }, '"hybrid" (string)'],
    ['options', 'x', { userId: 'ada', modes: 'text' }, '`modes`'],
    ['weights', 'x', { userId: 'ada', weights: 2 }, '2 (number)'],
    ['weights', 'x', { userId: 'ada', weights: { text: 0, vector: 0 } }, 'an object'],
    ['weights.text', 'x', { userId: 'ada', weights: { text: -1 } }, '-1 (number)'],
    ['weights.vector', 'x', { userId: 'ada', weights: { vector: '1' } }, '"1" (string)'],
    ['weights', 'x', { userId: 'ada', weights: { txt: 5 } }, '`txt`'],
    ['weights', 'x', { userId: 'ada', weights: [1, 2] }, 'an array of 2'],
    ['snippet', 'x', { userId: 'ada', snippet: 5 }, '5 (number)'],
    ['snippet.words', 'x', { userId: 'ada', snippet: { words: 65 } }, '65 (number)'],
    ['snippet', 'x', { userId: 'ada', snippet: { word: 3 } }, '`word`'],
    ['snippet', 'x', { userId: 'ada', snippet: [] }, 'an array of 0'],
    ['options', 'x', [], 'an array of 0'],
    ['limit', 'x', { userId: 'ada', limit: 0 }, '0 (number)'],
    ['limit', 'x', { userId: 'ada', limit: 201 }, '201 (number)'],
    ['limit', 'x', { userId: 'ada', limit: 1.5 }, '1.5 (number)'],
  ])('is refused by search: %s', async (name, query, options, shown) => {
    const store = temporaryStore();
    await expectRefused(() => store.search(query as never, options as never), name, shown);
  });

  it.each([
    ['0 (number)', 0],
    ['"1" (string)', '1'],
    ['undefined', undefined],
  ])('is refused by get, delete and count: %s', async (shown, id) => {
    const store = temporaryStore();
    await expectRefused(() => store.get(id as never), 'id', shown);
    await expectRefused(() => store.delete(id as never), 'id', shown);
    await expectRefused(
      () => store.count((id === '1' ? 1 : id) as never),
      'userId',
      shown.replace('"1" (string)', '1 (number)'),
    );
  });

  it('of a description is refused: a misspelt part of `expiresAt`', async () => {
    const table = { path: 'x', table: 't', id: 'id', expiresAt: { column: 'at', unit: 'ms', units: 's' } };
    await expectRefused(() => sqliteTasks(table as never), 'expiresAt', '`units`');
    await expectRefused(() => sqliteTasks({ ...table, expiresAt: [] } as never), 'expiresAt', 'an array of 0');
  });

  it('tells of a file that is no database', () => {
    const path = temporaryPath();
    writeFileSync(path, 'This is a letter, and a long enough one at that. '.repeat(100));
    expect(() => openStore({ path })).toThrow('file is not a database');
  });

  it('tells which embedder returned the wrong number of numbers, and stores nothing', async () => {
    const embedder = { ...hashingEmbedder({ dimensions: 32 }), name: 'broken', embed: () => new Float32Array(31) };
    const store = temporaryStore({ embedder });
    await expect(store.add(memory)).rejects.toThrow(
      'Expected embedder "broken" to return a Float32Array of 1 × 32 numbers, got 31',
    );
    expect(store.count('ada')).toBe(0);
  });

  it('has no part in a relative path: it names the same file when the working directory changes', async () => {
    const path = temporaryPath();
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(dirname(path));
    const store = temporaryStore({ path: basename(path) });
    await store.add(memory);
    process.chdir(before);
    expect(await store.search('text', { userId: 'ada' })).toHaveLength(1);
  });
});
