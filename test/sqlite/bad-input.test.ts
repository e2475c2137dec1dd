import Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { openSearch } from 'treadle/store';
import { sqliteTasks } from 'treadle/tasks';
import { describe, expect, it } from 'vitest';
import { expectRefused } from '../support/bad-values.js';
import { temporaryPath } from '../support/memories.js';
import { databaseOf, openTable, searchOf } from '../support/own-table.js';
import { schemaOf } from '../support/sakila.js';
import { closedAtEnd } from '../support/test-manager.js';

const SQL = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, n TEXT, body TEXT, at INTEGER);
             CREATE VIEW seen AS SELECT * FROM t;
             CREATE VIRTUAL TABLE words USING fts5(body);
             CREATE TABLE loose (id TEXT, maybe TEXT UNIQUE, part TEXT NOT NULL, other TEXT NOT NULL, body TEXT, UNIQUE (part, other));
             CREATE UNIQUE INDEX loose_id ON loose (id) WHERE id IS NOT NULL;
             CREATE TABLE pair (a INTEGER, b INTEGER, body TEXT, PRIMARY KEY (a, b))`;
const TABLE = {
  table: 't',
  id: 'id',
  content: ['body'],
  user: 'u',
  namespace: 'n',
  expiresAt: 'at',
  fts: 'f',
  vectors: 'v',
} as const;

const BAD_DESCRIPTIONS: readonly (readonly [what: string, change: object, message: RegExp])[] = [
  ['no table', { table: undefined }, /^Expected `table` to be a name, a string that is not empty, got undefined/],
  ['an empty id', { id: '' }, /^Expected `id` to be a name, .+ got "" \(string\)/],
  ['content that is no array', { content: 'body' }, /^Expected `content` to be an array of column names, got "body"/],
  ['content with a hole', { content: ['body', undefined] }, /^Expected `content\[1\]` to be a name/],
  ['content twice', { content: ['body', 'Body'] }, /^Expected `content` to name each column once, got body, Body/],
  ['no content', { content: [] }, /^Expected `content` to name at least one column/],
  ['a namespace without a user', { user: undefined }, /^Expected `namespace` only together with `user`/],
  [
    'nothing to do',
    { fts: undefined, vectors: undefined, expiresAt: undefined },
    /^Expected at least one of `fts`, `vectors` and `expiresAt`/,
  ],
  [
    'a unit that there is not',
    { expiresAt: { column: 'at', unit: 'min' } },
    /^Expected `expiresAt` to be a column name or \{/,
  ],
  ['null for a time', { expiresAt: null }, /^Expected `expiresAt` to be a column name or \{/],
  ['a unit without a column', { expiresAt: { unit: 's' } }, /^Expected `expiresAt.column` to be a name/],
  ['the same name twice', { fts: 'x', vectors: 'X' }, /to be different names, got t, x, x/],
  ['the name of the table', { fts: 'T' }, /to be different names, got t, t, v/],
  ['a name that is reserved', { fts: 'sqlite_fts' }, /to be names that are not reserved, got sqlite_fts/],
  ['a path that is none', { path: 5 }, /^Expected `path` to be the path of a database file.*, got 5 \(number\)/],
  ['a database in memory', { path: ':memory:' }, /^Expected `path` to be the path of a database file/],
  ['a misspelt option', { expires: 'at' }, /^Expected `options` to have only .+, got `expires`/],
];

describe('a description', () => {
  it.each(BAD_DESCRIPTIONS)('with %s is refused by sqliteTasks and by openSearch', (_, change, message) => {
    const options = { path: '/nowhere/x.db', ...TABLE, ...change };
    for (const call of [() => sqliteTasks(options), () => openSearch(options)]) {
      expect(call).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) as string }),
      );
    }
  });

  it.each([
    ['options', null, 'null'],
    ['tokenizer', { tokenizer: 'klingon' }, '"klingon" (string)'],
    ['tokenizer', { tokenizer: 5 }, '5 (number)'],
    ['embedder', { embedder: 'hashing' }, '"hashing" (string)'],
    ['embedder.module', { embedder: { module: './relative.js' } }, '"./relative.js" (string)'],
    ['embedders', { embedders: { default: {} } }, '"default" (string)'],
    ['embedders.x', { embedders: { x: 5 } }, '5 (number)'],
  ])('is refused by sqliteTasks: %s in %j', async (name, change, shown) => {
    await expectRefused(
      () => sqliteTasks((change === null ? null : { path: 'x', ...TABLE, ...change }) as never),
      name,
      shown,
    );
  });

  it.each([
    ['a table that is not there', { table: 'gone' }, /^Expected .+ to have a table "gone", got none/],
    ['a view', { table: 'seen' }, /^Expected .+ to have a table "seen", got a view/],
    ['a virtual table', { table: 'words' }, /^Expected "words" to be an ordinary table, got a virtual table/],
    ['an id that is not there', { id: 'key' }, /^Expected table "t" to have a column "key", got id, u, n, body, at/],
    ['a content that is not there', { content: ['body', 'title'] }, /to have a column "title"/],
    ['a user that is not there', { user: 'owner' }, /to have a column "owner"/],
    ['a namespace that is not there', { namespace: 'shelf' }, /to have a column "shelf"/],
    ['a time that is not there', { expiresAt: 'until' }, /to have a column "until"/],
    [
      'an id that is not unique',
      { id: 'u' },
      /^Expected column "u" of "t" to be its primary key, or unique and not null/,
    ],
    ['an id that is unique in part', { table: 'loose', id: 'id' }, /^Expected column "id" of "loose" to be/],
    [
      'an id that is unique but may be null',
      { table: 'loose', id: 'maybe' },
      /^Expected column "maybe" of "loose" to be/,
    ],
    ['an id that is unique with another', { table: 'loose', id: 'part' }, /^Expected column "part" of "loose" to be/],
    ['a part of a primary key', { table: 'pair', id: 'a' }, /^Expected column "a" of "pair" to be its primary key/],
  ])('of %s is refused, and leaves nothing behind', (_, change, message) => {
    const { path, db } = databaseOf(SQL);
    const before = schemaOf(db);
    const described =
      'table' in change
        ? { ...TABLE, content: ['body'], user: undefined, namespace: undefined, expiresAt: undefined }
        : TABLE;
    expect(() => openSearch({ path, ...described, ...change })).toThrow(message);
    expect(schemaOf(db)).toEqual(before);
    expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'treadle%'`).pluck().get()).toBe(0);
  });

  it("of a trigger's name is that of the table, where both have it", () => {
    const { path } = databaseOf(
      'CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)',
    );
    expect(openTable(path, { table: 't', id: 'id', content: ['body'], fts: 'f' }).layout.numbered).toBe(false);
  });

  it('of a database that is not there, is none, or is not UTF-8 is refused', () => {
    const path = temporaryPath();
    expect(() => openSearch({ path, ...TABLE })).toThrow(/unable to open database file|does not exist/);
    const db = new Database(path);
    db.pragma(`encoding = 'UTF-16le'`);
    db.exec(SQL);
    db.close();
    expect(() => openSearch({ path, ...TABLE })).toThrow(/^Expected .+ to be encoded in UTF-8, got UTF-16le/);
  });

  it('is checked, embedders too, before the database is touched', () => {
    const path = temporaryPath();
    expect(() => openSearch({ path, ...TABLE, embedder: 'hashing' as never })).toThrow(/^Expected `embedder`/);
  });
});

describe('a search', () => {
  const embedder = hashingEmbedder();
  it.each([
    ['query', 5, {}, '5 (number)'],
    ['options', 'x', null, 'null'],
    ['mode', 'x', { mode: 'fuzzy' }, '"fuzzy" (string)'],
    ['limit', 'x', { limit: 0 }, '0 (number)'],
    ['limit', 'x', { limit: 201 }, '201 (number)'],
    ['limit', 'x', { limit: '5' }, '"5" (string)'],
    ['weights', 'x', { weights: null }, 'null'],
    ['weights', 'x', { weights: { text: 0, vector: 0 } }, 'an object (Object)'],
    ['weights.text', 'x', { weights: { text: -1 } }, '-1 (number)'],
    ['weights.vector', 'x', { weights: { vector: NaN } }, 'NaN (number)'],
    ['snippet', 'x', { snippet: 24 }, '24 (number)'],
    ['snippet.words', 'x', { snippet: { words: 65 } }, '65 (number)'],
    ['userId', 'x', { userId: null }, 'null'],
    ['userId', 'x', { userId: 1.5 }, '1.5 (number)'],
    ['userId', 'x', { userId: 2 ** 53 }, '9007199254740992 (number)'],
    ['userId', 'x', { userId: {} }, 'an object (Object)'],
    ['namespace', 'x', { namespace: 'a' }, '"a" (string)'],
    ['namespace', 'x', { userId: 'ann', namespace: 5 }, '5 (number)'],
    ['namespace', 'x', { userId: 'ann', namespace: null }, 'null'],
  ])('is refused: %s in (%j, %j)', async (name, query, options, shown) => {
    const { path } = databaseOf(SQL);
    const search = searchOf({ path, ...TABLE, embedder });
    await expectRefused(() => search.search(query as never, options as never), name, shown);
  });

  it("with a misspelt option is refused, as it would search everybody's rows", async () => {
    const { path } = databaseOf(SQL);
    const search = searchOf({ path, ...TABLE });
    await expect(search.search('x', { userID: 'ann' } as never)).rejects.toThrow(
      /^Expected `options` to have only .+, got `userID`/,
    );
  });

  it('for which the table is not described, or there is no embedder, is refused', async () => {
    const { path } = databaseOf(SQL);
    const plain = { path, table: 't', id: 'id', content: ['body'] };
    const text = searchOf({ ...plain, fts: 'f' });
    await expectRefused(() => text.search('x', { mode: 'vector' }), 'mode', '"vector" (string)');
    await expectRefused(() => text.search('x', { userId: 'ann' }), 'userId', '"ann" (string)');
    const vector = searchOf({ ...plain, vectors: 'v' });
    await expectRefused(() => vector.search('x'), 'mode', '"text" (string)');
    await expectRefused(() => vector.search('x', { mode: 'vector' }), 'mode', '"vector" (string)');
    const ready = searchOf({ ...plain, vectors: 'v', embedder });
    expect(await ready.search('x', { mode: 'vector' })).toEqual([]);
    ready.close();
    await expect(ready.search('x', { mode: 'vector' })).rejects.toThrow(/not open/);
  });
});

describe('a submit', () => {
  const bare = { path: '/nowhere/x.db', table: 't', id: 'id' };
  const types = {
    ...sqliteTasks({ ...bare, ...TABLE, embedders: { other: {} } }),
    rebuild_none: sqliteTasks({ ...bare, expiresAt: 'at' }).rebuild_fts_index,
    migrate_none: sqliteTasks({ ...bare, expiresAt: 'at' }).migrate_embeddings,
    sweep_none: sqliteTasks({ ...bare, content: ['body'], fts: 'f' }).ttl_sweep,
    rebuild_nobody: sqliteTasks({ ...bare, content: ['body'], fts: 'f' }).rebuild_fts_index,
    sweep_unspaced: sqliteTasks({ ...bare, user: 'u', expiresAt: 'at' }).ttl_sweep,
  };

  it.each([
    ['rebuild_fts_index', { userId: '' }, /`userId`/],
    ['rebuild_fts_index', { userId: null }, /`userId`/],
    ['rebuild_fts_index', { userId: 1.5 }, /`userId`/],
    ['rebuild_fts_index', { user: 'ann' }, /to have only userId, got `user`/],
    ['rebuild_fts_index', 'all', /`input` to be an object/],
    ['rebuild_fts_index', [], /`input` to be an object/],
    ['migrate_embeddings', { to: 'nobody' }, /`to` to be one of the embedders default, other, got "nobody"/],
    ['migrate_embeddings', { to: 'toString' }, /`to` to be one of the embedders/],
    ['migrate_embeddings', { from: 5 }, /`from`/],
    ['migrate_embeddings', { keep: 'yes' }, /`keep` to be a boolean/],
    ['ttl_sweep', { namespace: 'a' }, /`namespace` only together with `userId`/],
    ['ttl_sweep', { userId: 'ann', namespace: 5 }, /`namespace`/],
    ['rebuild_none', {}, /described with `fts`, got "t"/],
    ['migrate_none', {}, /described with `vectors`, got "t"/],
    ['sweep_none', {}, /described with `expiresAt`, got "t"/],
    ['rebuild_nobody', { userId: 'ann' }, /no `userId`: "t" is described without `user`/],
    ['sweep_unspaced', { userId: 'ann', namespace: 'a' }, /no `namespace`: "t" is described without/],
  ] as const)('of %s with %j is refused', async (type, input, message) => {
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 1 } }));
    const refused = tasks.submit(type, { input: input as never });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
    expect(tasks.stats().total).toBe(0);
  });

  it('of a task whose table is not there fails with what was expected', async () => {
    const { path } = databaseOf('CREATE TABLE x (y)');
    const tasks = closedAtEnd(new TaskManager({ types: sqliteTasks({ ...TABLE, path }), threads: { max: 1 } }));
    const task = await tasks.submit('rebuild_fts_index', { input: {} });
    await expect(task.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringMatching(/to have a table "t", got none/) as string,
    });
  });
});
