import { isAbsolute } from 'node:path';
import { TaskManager, TreadleError } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { type MemoryTasksOptions, memoryTasks } from 'treadle/tasks';
import { describe, expect, it } from 'vitest';
import { expectRefused } from '../support/bad-values.js';
import {
  connection,
  currentIndex,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  idWindows,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';
import { closedAtEnd } from '../support/test-manager.js';

function manager(options: MemoryTasksOptions) {
  return closedAtEnd(new TaskManager({ types: memoryTasks(options), threads: { max: 2 } }));
}

/** All of it on the prototype, where nobody sees it. */
class OwnEmbedder {
  get module(): string {
    return '/embedder.js';
  }
}

describe('memoryTasks', () => {
  it('embeds on threads what the server then finds, rebuilds the index, and tells how far it is', async () => {
    const path = temporaryPath();
    const store = temporaryStore({ path, embedder: hashingEmbedder() });
    const tasks = manager({ path });
    // More than goes with each chunk, so that it is shared.
    const contents = Array.from({ length: 1_000 }, (_, n) => `passage number${n} about subject${n % 10}`);
    const embedding = await tasks.submit('embed_batch', {
      input: { userId: 'ada', contents: [...contents, ...contents] },
    });
    expect(await embedding.result()).toEqual({ stored: 1_000, skipped: 1_000 });
    expect(embedding.record.progress).toMatchObject({ itemsDone: 2_000, itemsTotal: 2_000, fraction: 1 });
    for (const mode of ['text', 'vector'] as const) {
      expect(await store.search('number77', { userId: 'ada', mode, limit: 1 })).toMatchObject([
        { content: contents[77] },
      ]);
    }
    const rebuild = await tasks.submit('rebuild_fts_index');
    const seen = [];
    for await (const record of rebuild.watch()) seen.push(record);
    expect(await rebuild.result()).toEqual({ rows: 1_000, replayed: 0, removed: 0 });
    const fractions = seen.map((record) => record.progress.fraction ?? 0);
    expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
    // Ten windows of rows, or one more where ids have gaps.
    const items = idWindows(connection(path), { min: 100, max: 1_000 }, null).length;
    expect(seen.at(-1)?.progress).toMatchObject({ itemsDone: items, itemsTotal: items, fraction: 1 });
    expect(await (await tasks.submit('rebuild_fts_index', { input: { userId: 'ada' } })).result()).toMatchObject({
      rows: 1_000,
    });
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('loads the embedder that is named, with its options', async () => {
    const module = new URL('../dist/logging-embedder.js', import.meta.url).href;
    const models = [];
    for (const embedder of [{ module, options: { dimensions: 32 } }, { options: { dimensions: 64 } }, {}]) {
      const path = temporaryPath();
      const task = await manager({ path, embedder }).submit('embed_batch', {
        input: { userId: 'ada', contents: ['text'] },
      });
      await task.result();
      models.push(connection(path).prepare('SELECT model FROM vectors').pluck().get());
    }
    expect(models).toEqual(['hashing-v2-d32-g3-5', 'hashing-v2-d64-g3-5', 'hashing-v2-d480-g3-5']);
  });

  it('leaves the old index whole when a rebuild is cancelled', async () => {
    const path = temporaryPath();
    fill(path, 10_000);
    const before = currentIndex(connection(path));
    const task = await manager({ path }).submit('rebuild_fts_index');
    for await (const { stage } of task.watch()) if (stage === 'indexing') task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
    expect(currentIndex(connection(path))).toBe(before);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('runs one rebuild after the other, and two managers at once do no harm', async () => {
    const path = temporaryPath();
    fill(path, 3_000);
    const [one, other] = [manager({ path }), manager({ path })];
    const submitted = [
      one.submit('rebuild_fts_index'),
      one.submit('rebuild_fts_index'),
      other.submit('rebuild_fts_index'),
    ];
    const records = await Promise.all((await Promise.all(submitted)).map((task) => task.settled()));
    expect(records.map((record) => record.status)).toContain('completed');
    for (const record of records) if (record.status === 'failed') expect(record.error.name).toBe('BuildSuperseded');
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('fails with the reason when the database is newer than the code', async () => {
    const path = temporaryPath();
    connection(path).exec('UPDATE treadle_memories SET version = 99');
    for (const submitted of [
      manager({ path }).submit('embed_batch', { input: { userId: 'ada', contents: ['text'] } }),
      manager({ path }).submit('rebuild_fts_index'),
    ]) {
      await expect((await submitted).result()).rejects.toThrow('use a newer Treadle');
    }
  });

  it.each([{ killable: false }, { module: 'treadle/embedders/transformers' }])(
    'declares types that embed as not killable where an embedder must not lose its thread: %j',
    (model) => {
      const types = memoryTasks({ path: 'some.db', embedders: { model } });
      const killable = Object.entries(types).map(([name, type]) => [name, type.policy.killable ?? true]);
      expect(Object.fromEntries(killable)).toEqual({
        embed_batch: false,
        migrate_embeddings: false,
        rebuild_fts_index: true,
        ttl_sweep: true,
      });
    },
  );

  it('gives the index another tokenizer with the next rebuild, while searches go on', async () => {
    const path = temporaryPath();
    fill(path, 300);
    const store = temporaryStore({ path });
    const find = async (query: string): Promise<number> => (await store.search(query, { userId: 'user1' })).length;
    expect([await find('subject1'), await find('ubject1')]).toEqual([10, 0]);
    const trigrams = await manager({ path, tokenizer: 'trigram' }).submit('rebuild_fts_index');
    expect(await trigrams.result()).toMatchObject({ rows: 300 });
    expect([await find('subject1'), await find('ubject1')]).toEqual([10, 10]);
    const [hit] = await store.search('ubject1', { userId: 'user1', snippet: true });
    expect(hit?.snippet?.highlights).toHaveLength(1);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
    await (await manager({ path }).submit('rebuild_fts_index')).result();
    expect(await find('ubject1')).toBe(0);
    expectIndexMatchesRows(path);
  });

  it('makes a path absolute, whatever the working directory becomes', () => {
    const { path } = memoryTasks({ path: 'some.db' }).embed_batch.policy.data as { path: string };
    expect(isAbsolute(path)).toBe(true);
  });

  it.each([
    ['options', undefined, 'undefined'],
    ['options', { path: 'x', embeder: {} }, '`embeder`'],
    ['path', {}, 'undefined'],
    ['path', { path: ':memory:' }, '":memory:" (string)'],
    ['embedder', { path: 'x', embedder: 'hashing' }, '"hashing" (string)'],
    ['embedder.module', { path: 'x', embedder: { module: './embedder.js' } }, '"./embedder.js" (string)'],
    ['embedder.module', { path: 'x', embedder: { module: 5 } }, '5 (number)'],
    ['embedder.killable', { path: 'x', embedder: { killable: 'no' } }, '"no" (string)'],
    ['embedder', { path: 'x', embedder: { modul: '/embedder.js' } }, '`modul`'],
    ['embedder', { path: 'x', embedder: [] }, 'an array of 0'],
    ['embedder', { path: 'x', embedder: new Map() }, 'an object (Map)'],
    ['embedder', { path: 'x', embedder: new OwnEmbedder() }, 'an object (OwnEmbedder)'],
    ['embedder', { path: 'x', embedder: hashingEmbedder() }, 'an object (Object)'],
    ['embedders', { path: 'x', embedders: 'hashing' }, '"hashing" (string)'],
    ['embedders', { path: 'x', embedders: [{}] }, 'an array of 1'],
    ['embedders', { path: 'x', embedders: new Map([['other', {}]]) }, 'an object (Map)'],
    ['embedders.other', { path: 'x', embedders: { other: { option: {} } } }, '`option`'],
    ['embedders', { path: 'x', embedders: { default: {} } }, '"default" (string)'],
    ['embedders.other', { path: 'x', embedders: { other: 'hashing' } }, '"hashing" (string)'],
    ['tokenizer', { path: 'x', tokenizer: 5 }, '5 (number)'],
    ['tokenizer', { path: 'x', tokenizer: 'snowball' }, '"snowball" (string)'],
  ])('refuses bad options: %s in %j', async (name, options, shown) => {
    await expectRefused(() => memoryTasks(options as never), name, shown);
  });

  const input = { userId: 'ada', contents: ['text'] };
  it.each([
    ['embed_batch', undefined, 'Expected `input` to be an object, got undefined'],
    ['embed_batch', { ...input, userId: 5 }, 'Expected `userId` to be a string of 1 to 256 characters, got 5 (number)'],
    ['embed_batch', { userId: 'ada' }, 'Expected `contents` to be an array of strings, got undefined'],
    [
      'embed_batch',
      { ...input, contents: ['a', ''] },
      'Expected `contents[1]` to be a string that is not empty, got "" (string)',
    ],
    [
      'embed_batch',
      { ...input, contents: ['a', null] },
      'Expected `contents[1]` to be a string that is not empty, got null',
    ],
    [
      'embed_batch',
      { ...input, contents: Array(2) },
      'Expected `contents[0]` to be a string that is not empty, got undefined',
    ],
    ['embed_batch', { ...input, importance: -1 }, 'Expected `importance` to be a number from 0 to 1, got -1 (number)'],
    [
      'embed_batch',
      { ...input, ttlMs: 0.5 },
      'Expected `ttlMs` to be an integer from 1 to 31556952000000, got 0.5 (number)',
    ],
    [
      'embed_batch',
      { ...input, namespace: 1 },
      'Expected `namespace` to be a string of 1 to 256 characters, got 1 (number)',
    ],
    [
      'embed_batch',
      { ...input, user: 'x' },
      'Expected `input` to have only userId, contents, namespace, importance, ttlMs, got `user`',
    ],
    ['rebuild_fts_index', [], 'Expected `input` to be an object, got an array of 0'],
    ['rebuild_fts_index', { userId: '' }, 'Expected `userId` to be a string of 1 to 256 characters, got "" (string)'],
    ['rebuild_fts_index', { userID: 'x' }, 'Expected `input` to have only userId, got `userID`'],
    ['migrate_embeddings', 'new', 'Expected `input` to be an object, got "new" (string)'],
    ['migrate_embeddings', { to: 'new' }, 'Expected `to` to be one of the embedders default, got "new" (string)'],
    ['migrate_embeddings', { from: '' }, 'Expected `from` to be a string of 1 to 256 characters, got "" (string)'],
    ['migrate_embeddings', { keep: 1 }, 'Expected `keep` to be a boolean, got 1 (number)'],
    ['migrate_embeddings', { model: 'x' }, 'Expected `input` to have only from, to, userId, keep, got `model`'],
    ['ttl_sweep', { userId: '' }, 'Expected `userId` to be a string of 1 to 256 characters, got "" (string)'],
    ['ttl_sweep', { userId: undefined }, 'Expected `userId` to be a string of 1 to 256 characters, got undefined'],
    ['ttl_sweep', { namespace: 'work' }, 'Expected `namespace` only together with `userId`'],
    ['ttl_sweep', { userId: 'ada', namespace: '' }, 'Expected `namespace` to be a string of 1 to 256 characters'],
    ['ttl_sweep', { now: 5 }, 'Expected `input` to have only userId, namespace, got `now`'],
  ] as const)('refuses bad input of %s at submit: %j', async (type, given, message) => {
    const tasks = manager({ path: temporaryPath() });
    const error: unknown = await tasks.submit(type, { input: given } as never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TreadleError);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) });
    expect(tasks.stats().total).toBe(0);
  });
});
