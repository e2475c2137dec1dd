import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SqliteTable } from 'treadle/store';
import { describe, expect, it } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { databaseOf, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';
import { schemaOf } from '../support/sakila.js';

const SQL = 'CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, title TEXT, body TEXT)';
const TABLE = { table: 't', id: 'id', content: ['body'], user: 'u', fts: 'f', vectors: 'v' } as const;

const open = (path: string, table: SqliteTable): void => void openTable(path, table).db.close();

describe('what is kept beside a table', () => {
  it('is made anew, empty, when the description changes in what is indexed, and only then', async () => {
    const { path, db } = databaseOf(SQL);
    db.exec(`INSERT INTO t VALUES (1, 'ann', 'heading', 'words')`);
    const data = { path, table: TABLE };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    expect(await searchOf({ path, ...TABLE }).search('words')).toHaveLength(1);
    // How rows expire has no place in the indexes.
    expect(await searchOf({ path, ...TABLE, expiresAt: 'title' }).search('words')).toHaveLength(1);
    const wider = { ...TABLE, content: ['title', 'body'] };
    open(path, wider);
    const search = searchOf({ path, ...wider });
    await expect(search.search('words')).rejects.toMatchObject({ code: 'INDEX_NOT_BUILT' });
    expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(0);
    await runOn(rebuild, {}, { path, table: wider });
    expect(await search.search('heading')).toHaveLength(1);
    expectSoundTable(path, wider);
    // Without vectors there is nothing left of them.
    open(path, { ...wider, vectors: undefined });
    expect(db.prepare(`SELECT name FROM sqlite_schema WHERE name LIKE 'v%'`).all()).toEqual([]);
  });

  it('is made anew when the table was, as one does to alter it', async () => {
    const { path, db } = databaseOf(SQL);
    db.exec(`INSERT INTO t VALUES (1, 'ann', '', 'old')`);
    const data = { path, table: TABLE };
    await runOn(rebuild, {}, data);
    db.exec(`CREATE TABLE t2 (id INTEGER PRIMARY KEY, u TEXT, title TEXT, body TEXT, more TEXT);
             INSERT INTO t2 SELECT *, '' FROM t; DROP TABLE t; ALTER TABLE t2 RENAME TO t;
             INSERT INTO t VALUES (2, 'ann', '', 'new', '')`);
    open(path, TABLE);
    const search = searchOf({ path, ...TABLE });
    await expect(search.search('new')).rejects.toMatchObject({ code: 'INDEX_NOT_BUILT' });
    await runOn(rebuild, {}, data);
    expect(await search.search('new old')).toHaveLength(2);
    expectSoundTable(path, TABLE);
    // A key of another type has to be numbered.
    db.exec(`ALTER TABLE t RENAME TO t3; CREATE TABLE t (id TEXT PRIMARY KEY, u TEXT, title TEXT, body TEXT);
             INSERT INTO t SELECT id, u, title, body FROM t3; DROP TABLE t3`);
    expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: 2 });
    db.exec(`INSERT INTO t VALUES ('x', 'ann', '', 'newer')`);
    expect(await search.search('newer')).toEqual([]);
    expect(await searchOf({ path, ...TABLE }).search('newer')).toHaveLength(1);
    expectSoundTable(path, TABLE);
  });

  it('follows the table when that is renamed', async () => {
    const { path, db } = databaseOf(SQL);
    await runOn(rebuild, {}, { path, table: TABLE });
    db.exec(`ALTER TABLE t RENAME TO articles; INSERT INTO articles VALUES (1, 'ann', '', 'word')`);
    const renamed = { ...TABLE, table: 'articles' };
    await runOn(rebuild, {}, { path, table: renamed });
    expect(await searchOf({ path, ...renamed }).search('word')).toHaveLength(1);
    expectSoundTable(path, renamed);
  });

  it.each([
    'f_a',
    'F_A',
    'f_b',
    'f_state',
    'f_changes',
    'f_a_data',
    'f_b_config',
    'v',
    'v_models',
    'v_pending',
    'v_state',
  ])('is refused where "%s" is the name of somebody else\'s table, which stays', (name) => {
    const { path, db } = databaseOf(`${SQL}; CREATE TABLE ${name} (mine); INSERT INTO ${name} VALUES ('kept')`);
    const before = schemaOf(db);
    expect(() => open(path, TABLE)).toThrow(
      /^Expected "\w+" to be no name in .+ yet: it is needed beside "t". Choose another/,
    );
    expect(schemaOf(db)).toEqual(before);
    expect(db.prepare(`SELECT mine FROM ${name}`).pluck().get()).toBe('kept');
  });

  it('never takes away a table that it did not make, whatever that is called', () => {
    const { path, db } = databaseOf(`${SQL}; CREATE TABLE f_numbers (mine); INSERT INTO f_numbers VALUES ('kept')`);
    open(path, TABLE);
    open(path, { ...TABLE, content: ['title', 'body'] });
    expect(db.prepare('SELECT mine FROM f_numbers').pluck().get()).toBe('kept');
  });

  it('is refused under the name of what is kept beside another table, but not when that is gone', () => {
    const { path, db } = databaseOf(`${SQL}; CREATE TABLE other (id INTEGER PRIMARY KEY, body TEXT)`);
    open(path, TABLE);
    const other = { table: 'other', id: 'id', content: ['body'], fts: 'F' };
    expect(() => open(path, other)).toThrow('Expected "F" to be kept beside "other", got one that is kept beside "t"');
    expect(() => open(path, { ...other, fts: 'g', vectors: 'v' })).toThrow(/^Expected "v" to be no name/);
    expectSoundTable(path, TABLE);
    db.exec('DROP TABLE t');
    open(path, other);
    expectSoundTable(path, other);
  });

  it('may be there twice, with different columns', async () => {
    const { path, db } = databaseOf(SQL);
    const titles = { ...TABLE, content: ['title'], fts: 'titles', vectors: undefined };
    for (const table of [TABLE, titles]) await runOn(rebuild, {}, { path, table });
    db.exec(`INSERT INTO t VALUES (1, 'ann', 'red', 'blue'), (2, 'bob', 'blue', 'green')`);
    db.exec(`UPDATE t SET title = 'yellow' WHERE id = 2`);
    for (const table of [TABLE, titles]) await runOn(rebuild, {}, { path, table });
    const ids = async (table: SqliteTable, query: string): Promise<unknown[]> =>
      (await searchOf({ path, ...table }).search(query)).map(({ row }) => row['id']);
    expect([await ids(TABLE, 'blue'), await ids(titles, 'blue'), await ids(titles, 'yellow')]).toEqual([[1], [], [2]]);
    for (const table of [TABLE, titles]) expectSoundTable(path, table);
  });

  it('is not made anew for names in other letters, which SQLite takes for the same', async () => {
    const { path, db } = databaseOf(`${SQL}; INSERT INTO t VALUES (1, 'ann', '', 'words')`);
    await runOn(rebuild, {}, { path, table: TABLE });
    await runOn(migrate, {}, { path, table: TABLE });
    const shouted = { ...TABLE, table: 'T', id: 'ID', content: ['Body'], user: 'U', fts: 'F', vectors: 'V' };
    open(path, shouted);
    expect(await searchOf({ path, ...shouted }).search('words')).toHaveLength(1);
    expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(1);
    expectSoundTable(path, shouted);
  });

  it('belongs to the later of two managers that describe it differently', async () => {
    const { path, db } = databaseOf(`${SQL}; INSERT INTO t VALUES (1, 'ann', 'heading', 'words')`);
    const later = { ...TABLE, content: ['title'], vectors: undefined };
    await runOn(rebuild, {}, { path, table: TABLE });
    expect(await runOn(rebuild, {}, { path, table: later })).toMatchObject({ rows: 1 });
    expect(await searchOf({ path, ...later }).search('heading')).toHaveLength(1);
    expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'v%'`).pluck().get()).toBe(0);
    expect(await runOn(rebuild, {}, { path, table: TABLE })).toMatchObject({ rows: 1 });
    expect(await searchOf({ path, ...TABLE }).search('words')).toHaveLength(1);
    expectSoundTable(path, TABLE);
  });

  it('is made once when several threads begin at the same time', async () => {
    const tables = [
      TABLE,
      { ...TABLE, fts: 'g', vectors: 'w' },
      TABLE,
      { ...TABLE, content: ['title'], fts: 'h', vectors: undefined },
    ];
    const { path, db } = databaseOf(SQL);
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const workers = tables.map(
      (table) => new Worker(new URL('../dist/set-up.js', import.meta.url), { workerData: { path, table, gate } }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const done = workers.map((worker) => once(worker, 'message'));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect((await Promise.all(done)).flat()).toEqual(tables.map(() => 'open'));
    expect(db.prepare('SELECT name FROM treadle_tables ORDER BY name').pluck().all()).toEqual(['f', 'g', 'h']);
    db.exec(`INSERT INTO t VALUES (1, 'ann', 'red', 'blue')`);
    for (const table of tables) expectSoundTable(path, table);
  });
});
