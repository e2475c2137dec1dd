import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { databaseOf, expectFreshVectors, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const EMBEDDER = hashingEmbedder();
const TABLE = { table: 't', id: 'id', content: ['body'], fts: 'f', vectors: 'v' } as const;

describe.each(['INTEGER PRIMARY KEY', 'TEXT PRIMARY KEY'])('beside a table with the key %s', (key) => {
  it.each(['VIRTUAL', 'STORED'])('index and vectors follow the columns that a %s column is made of', async (kind) => {
    const { path, db } = databaseOf(
      `CREATE TABLE t (id ${key}, a TEXT, b TEXT, views INTEGER DEFAULT 0, owner TEXT, shelf TEXT,
         body TEXT COLLATE NOCASE GENERATED ALWAYS AS (a || ' ' || b) ${kind},
         u TEXT GENERATED ALWAYS AS ('u-' || owner) ${kind}, n TEXT GENERATED ALWAYS AS (shelf || '!') ${kind});
       INSERT INTO t (id, a, b, owner, shelf) VALUES (1, 'loom', 'weaves', 'ann', 'x'), (2, 'cats', 'sleep', 'ann', 'x')`,
    );
    const table = { ...TABLE, user: 'u', namespace: 'n' };
    const data = { path, table };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const search = searchOf({ path, ...table, embedder: EMBEDDER });
    const has = async (query: string, userId: string, namespace: string): Promise<boolean> =>
      (await search.search(query, { userId, namespace })).length > 0;

    db.exec(`UPDATE t SET a = 'treadle' WHERE id = 1`);
    expect([await has('loom', 'u-ann', 'x!'), await has('treadle', 'u-ann', 'x!')]).toEqual([false, true]);
    expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(1);
    expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: 1 });
    expect((await search.search('treadle', { mode: 'vector' }))[0]).toMatchObject({ row: { body: 'treadle weaves' } });

    db.exec(`UPDATE t SET owner = 'bob' WHERE id = 1`);
    expect([await has('treadle', 'u-ann', 'x!'), await has('treadle', 'u-bob', 'x!')]).toEqual([false, true]);
    db.exec(`UPDATE t SET shelf = 'y' WHERE id = 1`);
    expect([await has('treadle', 'u-bob', 'x!'), await has('treadle', 'u-bob', 'y!')]).toEqual([false, true]);
    db.exec(`UPDATE t SET id = 3, b = 'WEAVES' WHERE id = 1`);
    await runOn(migrate, {}, data);
    expect(await expectFreshVectors(path, table, EMBEDDER)).toBe(2);
    expectSoundTable(path, table);
  });

  it('an update of what no generated column is made of leaves index and vectors alone', async () => {
    const { path, db } = databaseOf(
      `CREATE TABLE t (id ${key}, a TEXT, views INTEGER DEFAULT 0, body TEXT AS (upper(a)));
       INSERT INTO t (id, a) VALUES (1, 'loom')`,
    );
    const data = { path, table: TABLE };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const changes = db.prepare('SELECT total_changes()').pluck();
    const before = changes.get() as number;
    db.exec('UPDATE t SET views = views + 1');
    expect((changes.get() as number) - before).toBe(1);
    expect(db.prepare('SELECT count(*) FROM v_pending').pluck().get()).toBe(0);
    db.exec(`UPDATE t SET views = views + 1, a = 'loom'`);
    expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(1);
    expectSoundTable(path, TABLE);
  });
});

describe('a generated column', () => {
  it('may be the key, and rows are known by it when it changes', async () => {
    const { path, db } = databaseOf(
      `CREATE TABLE t (a TEXT, body TEXT, id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS ('k-' || a) STORED);
       INSERT INTO t (a, body) VALUES ('x', 'loom'), ('y', 'cats')`,
    );
    const data = { path, table: TABLE };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    db.exec(`UPDATE t SET a = 'z' WHERE a = 'x'`);
    expect(await searchOf({ path, ...TABLE }).search('loom')).toMatchObject([{ row: { id: 'k-z' } }]);
    expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: 1 });
    expectSoundTable(path, TABLE);
  });

  it('is followed where triggers of the application change what it is made of', async () => {
    const { path, db } = databaseOf(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER, body TEXT AS (a || '!'));
       CREATE TRIGGER early AFTER UPDATE OF n ON t WHEN new.n = 1 BEGIN UPDATE t SET a = 'early' WHERE id = new.id; END;
       INSERT INTO t (id, a) VALUES (1, 'first'), (2, 'second'), (3, 'third')`,
    );
    await runOn(rebuild, {}, { path, table: TABLE });
    db.exec(`CREATE TRIGGER late AFTER UPDATE OF n ON t WHEN new.n = 2 BEGIN UPDATE t SET a = 'late' WHERE id = new.id; END;
             CREATE TRIGGER before BEFORE UPDATE OF n ON t WHEN new.n = 3 BEGIN UPDATE t SET a = 'before' WHERE id = new.id; END;
             UPDATE t SET n = id`);
    const search = searchOf({ path, ...TABLE });
    for (const [at, word] of ['early', 'late', 'before'].entries()) {
      expect(await search.search(word)).toMatchObject([{ row: { id: at + 1 } }]);
    }
    expect(await search.search('first second third')).toEqual([]);
    expectSoundTable(path, TABLE);
  });
});

describe('an integer key', () => {
  it.each(['rowid', 'ROWID', '_rowid_', 'oid', '"oid"'])('may be changed by the name %s', async (name) => {
    const { path, db } = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
                                     INSERT INTO t VALUES (1, 'loom'), (2, 'cats')`);
    const data = { path, table: TABLE };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    db.exec(`UPDATE t SET ${name} = 9 WHERE id = 1`);
    expect(await searchOf({ path, ...TABLE }).search('loom')).toMatchObject([{ row: { id: 9 } }]);
    await runOn(migrate, {}, data);
    expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(2);
    expectSoundTable(path, TABLE);
  });

  it('is not changed by a column that is called like it', () => {
    const { path, db } = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, OID TEXT);
                                     INSERT INTO t VALUES (1, 'loom', 'x')`);
    openTable(path, TABLE);
    const changes = db.prepare('SELECT total_changes()').pluck();
    const before = changes.get() as number;
    db.exec(`UPDATE t SET oid = 'y'`);
    expect((changes.get() as number) - before).toBe(1);
    db.exec('UPDATE t SET rowid = 5');
    expect(db.prepare('SELECT id FROM f_a_docsize').pluck().all()).toEqual([5]);
  });

  it('may be a column called rowid', async () => {
    const { path, db } = databaseOf('CREATE TABLE t (rowid INTEGER PRIMARY KEY, body TEXT)');
    const table = { ...TABLE, id: 'rowid' };
    openTable(path, table);
    db.exec(`INSERT INTO t VALUES (1, 'loom'); UPDATE t SET rowid = 2; UPDATE t SET oid = 3`);
    expect(await searchOf({ path, ...table }).search('loom')).toMatchObject([{ row: { rowid: 3 } }]);
    expectSoundTable(path, table);
  });
});
