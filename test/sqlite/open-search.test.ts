import { mkdtempSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { hashingEmbedder } from 'treadle/embedders';
import type { SqliteTable } from 'treadle/store';
import { describe, expect, it, onTestFinished } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { databaseOf, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const FULL = { table: 't', id: 'id', content: ['title', 'body'], user: 'u', fts: 'f', vectors: 'v' } as const;
const KEYS = ['id INTEGER PRIMARY KEY', 'id TEXT PRIMARY KEY'];
const embedder = hashingEmbedder();

async function full(key: string): Promise<{ path: string; db: Database.Database }> {
  const { path, db } = databaseOf(
    `CREATE TABLE t (${key}, u TEXT, n TEXT, title TEXT, body TEXT, at INTEGER, other TEXT UNIQUE NOT NULL);
     INSERT INTO t VALUES ('1', 'ann', 'x', 'the loom', 'weaves', 1, 'a'), ('2', 'bob', 'x', 'cats', 'sleep', NULL, 'b')`,
  );
  const data = { path, table: FULL };
  await runOn(rebuild, {}, data);
  await runOn(migrate, {}, data);
  return { path, db };
}

/** All that is in the database, in a form to compare. */
function contentsOf(db: Database.Database): unknown {
  const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').raw().all();
  const tables = ['f_state', 'f_changes', 'f_a_docsize', 'f_b_docsize', 'v', 'v_pending', 'treadle_tables'];
  return [schema, tables.map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw().all())];
}

describe.each(KEYS)('a search over a table with %s', (key) => {
  it('may be described with less than is kept, and finds only by what is described', async () => {
    const { path, db } = await full(key);
    const before = contentsOf(db);
    const text = searchOf({ path, ...FULL, vectors: undefined, embedder });
    expect(await text.search('loom', { userId: 'ann', snippet: true })).toHaveLength(1);
    await expect(text.search('loom', { mode: 'vector' })).rejects.toThrow(/described without `vectors`/);
    const vector = searchOf({ path, ...FULL, fts: undefined, embedder });
    expect(await vector.search('loom', { mode: 'vector', userId: 'ann' })).toHaveLength(1);
    await expect(vector.search('loom')).rejects.toThrow(/described without `fts`/);
    const everybody = searchOf({ path, ...FULL, user: undefined });
    expect(await everybody.search('loom cats')).toHaveLength(2);
    await expect(everybody.search('loom', { userId: 'ann' })).rejects.toThrow(/described without `user`/);
    const expiring = searchOf({ path, ...FULL, vectors: undefined, expiresAt: 'at' });
    expect(await expiring.search('loom cats')).toMatchObject([{ row: { title: 'cats' } }]);
    expect(contentsOf(db)).toEqual(before);
    // What follows is indexed and awaits its vector as before.
    db.exec(`INSERT INTO t VALUES ('3', 'ann', 'x', 'shuttle', '', NULL, 'c')`);
    expect(await text.search('shuttle')).toHaveLength(1);
    expect(await runOn(migrate, {}, { path, table: FULL })).toMatchObject({ embedded: 1 });
    expectSoundTable(path, FULL);
  });

  it.each<[string, Partial<SqliteTable>, string]>([
    ['fewer columns of text', { content: ['body'] }, '`content` "title", "body", got "body"'],
    [
      'columns of text in another order',
      { content: ['body', 'title'] },
      '`content` "title", "body", got "body", "title"',
    ],
    ['another user', { user: 'n' }, '`user` "u", got "n"'],
    ['a namespace that is not indexed', { namespace: 'n' }, '`namespace` none, got "n"'],
    ['another key', { id: 'other' }, '`id` "id", got "other"'],
    ['vectors that are not kept', { vectors: 'w' }, '`vectors` "v", got "w"'],
    [
      'only vectors, and other columns of text',
      { fts: undefined, content: ['body'] },
      '`content` "title", "body", got "body"',
    ],
  ])('described with %s is refused with the difference, and leaves all as it is', async (_, change, difference) => {
    const { path, db } = await full(key);
    const before = contentsOf(db);
    expect(() => searchOf({ path, ...FULL, ...change })).toThrow(
      `Expected "f" to be described as it was made, with ${difference}. A search makes nothing anew: give it the ` +
        'description that the tasks have, or run one of them',
    );
    expect(contentsOf(db)).toEqual(before);
    expectSoundTable(path, FULL);
  });

  it('of which the triggers went with the table that was made anew is refused, and leaves the rest', async () => {
    const { path, db } = await full(key);
    db.exec(`CREATE TABLE n (${key}, u TEXT, title TEXT, body TEXT);
             INSERT INTO n SELECT id, u, title, body FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t`);
    const before = contentsOf(db);
    expect(() => searchOf({ path, ...FULL })).toThrow(
      'Expected "f_inserted" to be kept beside "t", got none, as when a table is made anew. A search makes nothing anew: ' +
        'run rebuild_fts_index or migrate_embeddings',
    );
    expect(contentsOf(db)).toEqual(before);
    await runOn(rebuild, {}, { path, table: FULL });
    expect(await searchOf({ path, ...FULL }).search('loom')).toHaveLength(1);
  });
});

describe('a search', () => {
  it('of a table whose key is of another kind now is refused with what was expected', async () => {
    const { path, db } = await full('id INTEGER PRIMARY KEY');
    db.exec(`CREATE TABLE n (id TEXT PRIMARY KEY, u TEXT, title TEXT, body TEXT);
             INSERT INTO n SELECT id, u, title, body FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t`);
    const before = contentsOf(db);
    expect(() => searchOf({ path, ...FULL })).toThrow(
      'Expected "f" to be described as it was made, with an integer primary key, got a key that is no integer primary key.',
    );
    expect(contentsOf(db)).toEqual(before);
  });

  it('of a table that was renamed is refused until a task has the new name', async () => {
    const { path, db } = await full('id INTEGER PRIMARY KEY');
    db.exec('ALTER TABLE t RENAME TO articles');
    const renamed = { ...FULL, table: 'articles' };
    expect(() => searchOf({ path, ...renamed })).toThrow('with `table` "t", got "articles".');
    await runOn(rebuild, {}, { path, table: renamed });
    expect(await searchOf({ path, ...renamed }).search('loom')).toHaveLength(1);
  });

  it('that comes first makes what is kept, in letters of any size', async () => {
    const { path, db } = databaseOf('CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)');
    const search = searchOf({ path, table: 'T', id: 'Id', content: ['BODY'], fts: 'F' });
    db.exec(`INSERT INTO t VALUES (1, 'loom')`);
    expect(await search.search('loom')).toHaveLength(1);
    expect(await searchOf({ path, table: 't', id: 'id', content: ['body'], fts: 'f' }).search('loom')).toHaveLength(1);
    openTable(path, { table: 't', id: 'id', content: ['body'], fts: 'f' });
    expect(await search.search('loom')).toHaveLength(1);
  });

  it('stays with its file when the process goes to another directory', async () => {
    const { path } = await full('id INTEGER PRIMARY KEY');
    const home = process.cwd();
    onTestFinished(() => process.chdir(home));
    process.chdir(dirname(path));
    const search = searchOf({ path: basename(path), ...FULL });
    process.chdir(mkdtempSync(join(dirname(path), 'away-')));
    expect(await search.search('loom')).toHaveLength(1);
  });
});
