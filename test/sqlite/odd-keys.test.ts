import type { Database } from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { hashingEmbedder } from 'treadle/embedders';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { databaseOf, expectFreshVectors, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const TABLE = { table: 't', id: 'id', content: ['body'], user: 'u', fts: 'f', vectors: 'v' } as const;
const EMBEDDER = hashingEmbedder();

describe('a key', () => {
  it('may be any integer that SQLite has, and comes back exactly', async () => {
    const { path, db } = databaseOf('CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, body TEXT, n, at)');
    const ids = [-(2n ** 63n) + 1n, -9_007_199_254_740_993n, -1n, 0n, 1n, 9_007_199_254_740_993n, 2n ** 63n - 1n];
    const insert = db.prepare(`INSERT INTO t VALUES (?, 'ann', ?, ?, ?)`);
    for (const [at, id] of ids.entries()) insert.run(id, `word${at} shared`, id, at % 2 === 0 ? 1 : null);
    const table = { ...TABLE, expiresAt: 'at' };
    const data = { path, table };
    for (let time = 0; time < 2; time++) {
      expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: ids.length });
      expect(await runOn(rebuild, { userId: 'ann' }, data)).toMatchObject({ rows: ids.length, removed: 0 });
    }
    expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: ids.length });
    expectSoundTable(path, table);
    const search = searchOf({ path, ...table });
    for (const [at, id] of ids.entries()) {
      const [hit] = await search.search(`word${at}`);
      const found = at % 2 === 0 ? undefined : Number.isSafeInteger(Number(id)) ? Number(id) : id;
      expect([hit?.row['id'], hit?.row['n']]).toEqual([found, found]);
    }
    expect(await runOn(sweep, {}, data)).toEqual({ deleted: 4 });
    expectSoundTable(path, table);
    expect(await search.search('shared')).toHaveLength(3);
  });

  it.each([
    [
      'declared INTEGER PRIMARY KEY DESC, which is no row id and may be null',
      'id INTEGER PRIMARY KEY DESC',
      ['a', 5, null],
    ],
    ['a real number', 'id REAL PRIMARY KEY NOT NULL', [1, 1.5, -2.25]],
    ['a blob', 'id BLOB PRIMARY KEY NOT NULL', [Buffer.from([0]), Buffer.from([255, 0, 1]), Buffer.alloc(0)]],
    ['of any type', 'id PRIMARY KEY NOT NULL', ['1', 1n, Buffer.from('1')]],
    [
      'unique and not null beside another primary key',
      'other INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE',
      ['x', 'y', 'z'],
    ],
  ])('may be %s', async (_, column, ids) => {
    const { path, db } = databaseOf(`CREATE TABLE t (${column}, u TEXT, body TEXT)`);
    const data = { path, table: TABLE };
    const insert = db.prepare(`INSERT INTO t (id, u, body) VALUES (?, 'ann', ?)`);
    ids.slice(0, 2).forEach((id, at) => insert.run(id, `word${at}`));
    openTable(path, TABLE);
    ids.slice(2).forEach((id) => insert.run(id, 'word2'));
    const keyed = ids.filter((id) => id !== null).length;
    expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: keyed });
    expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: keyed });
    db.exec(`UPDATE t SET body = body || ' more'`);
    await runOn(migrate, {}, data);
    expectSoundTable(path, TABLE);
    expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(keyed);
    expect(await searchOf({ path, ...TABLE }).search('more')).toHaveLength(keyed);
  });

  it('may be a text that is no valid UTF-8, and so may what is indexed', async () => {
    const { path, db } = databaseOf('CREATE TABLE t (id TEXT PRIMARY KEY, u TEXT, body TEXT)');
    const insert = db.prepare('INSERT INTO t VALUES (CAST(? AS TEXT), ?, CAST(? AS TEXT))');
    for (const key of ['a', 'b\xff', 'c\xfe\xff', '\xff']) {
      insert.run(Buffer.from(key, 'latin1'), 'ann', Buffer.from(`broken\xff${key}`, 'latin1'));
    }
    const data = { path, table: TABLE };
    expect(await runOn(rebuild, {}, data)).toMatchObject({ rows: 4 });
    // Those that the triggers saw are on the list of rows without a vector, and must leave it.
    insert.run(Buffer.from('d\xff', 'latin1'), 'ann', Buffer.from('late\xff', 'latin1'));
    let checks = 0;
    const onCheck = (): void => {
      if (++checks > 50) throw new Error('It goes round in circles');
    };
    expect(await runOn(migrate, {}, data, { onCheck })).toMatchObject({ embedded: 5 });
    expectSoundTable(path, TABLE);
    expect(db.prepare('SELECT count(*) FROM v_pending').pluck().get()).toBe(0);
    expect(await searchOf({ path, ...TABLE }).search('late')).toHaveLength(1);
  });

  it('that a collation takes for the same is another one', async () => {
    const { path, db } = databaseOf(
      'CREATE TABLE t (id TEXT PRIMARY KEY COLLATE NOCASE, u TEXT, body TEXT COLLATE NOCASE)',
    );
    const data = { path, table: TABLE };
    openTable(path, TABLE);
    db.exec(`INSERT INTO t VALUES ('Bob', 'u', 'old')`);
    await runOn(migrate, {}, data);
    db.exec(`REPLACE INTO t VALUES ('BOB', 'u', 'new')`);
    const search = searchOf({ path, ...TABLE });
    expect(await search.search('old')).toEqual([]);
    expect(await search.search('new')).toMatchObject([{ row: { id: 'BOB' } }]);
    await runOn(migrate, {}, data);
    // The old vector goes, although NOCASE sees no difference.
    for (const change of [`body = 'NEW'`, `id = 'bob'`]) {
      expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(1);
      db.exec(`UPDATE t SET ${change}`);
      expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(0);
      await runOn(migrate, {}, data);
    }
    await runOn(rebuild, {}, data);
    expectSoundTable(path, TABLE);
  });

  it('is what an INSERT reports, and what RETURNING returns, as without triggers', () => {
    for (const column of [
      'id INTEGER PRIMARY KEY',
      'n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE DEFAULT (hex(randomblob(8)))',
    ]) {
      const { path, db } = databaseOf(`CREATE TABLE t (${column}, u TEXT, body TEXT)`);
      openTable(path, TABLE);
      for (const id of [1, 2, 3]) {
        expect(db.prepare(`INSERT INTO t (u, body) VALUES ('ann', 'x')`).run()).toEqual({
          changes: 1,
          lastInsertRowid: id,
        });
      }
      expect(db.prepare('SELECT last_insert_rowid()').pluck().get()).toBe(3);
      expect(db.prepare(`UPDATE t SET body = 'y' RETURNING rowid`).pluck().all()).toEqual([1, 2, 3]);
      expect(db.prepare('DELETE FROM t').run().changes).toBe(3);
    }
  });

  it('is numbered in time in proportion to the rows, whatever its type', async () => {
    for (const type of ['INT', 'TEXT', 'NUMERIC']) {
      const { path, db } = databaseOf(`CREATE TABLE t (id ${type} PRIMARY KEY, u TEXT, body TEXT)`);
      db.exec(
        `WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, 'u', 'x' FROM n`,
      );
      const { db: own, layout } = openTable(path, TABLE);
      const plan = own.prepare(`EXPLAIN QUERY PLAN SELECT 1 FROM t m WHERE ${layout.unnumbered}`).all() as {
        detail: string;
      }[];
      expect(plan.map(({ detail }) => detail).join()).toMatch(/SEARCH k USING COVERING INDEX/);
      expect(await runOn(rebuild, {}, { path, table: TABLE })).toMatchObject({ rows: 3000 });
    }
  });
});

const AT_ONCE = [
  ['before ours', ['before'], []],
  ['after ours', [], ['after']],
  ['on both sides of ours', ['before'], ['after']],
] as const;

describe.each(['id INTEGER PRIMARY KEY', 'id TEXT PRIMARY KEY'])(
  "on a table with %s, a trigger of the table's own",
  (key) => {
    it.each(AT_ONCE)('that was made %s may change or delete the row at once', async (_, before, after) => {
      const { path, db } = databaseOf(`CREATE TABLE t (${key}, u TEXT, body TEXT)`);
      const make = (name: string): void => {
        db.exec(`
        CREATE TRIGGER stamp${name} AFTER INSERT ON t BEGIN UPDATE t SET body = body || ' stamped' WHERE id = new.id; END;
        CREATE TRIGGER again${name} AFTER UPDATE OF u ON t BEGIN UPDATE t SET body = 'moved' WHERE id = new.id; END;
        CREATE TRIGGER drop${name} AFTER INSERT ON t WHEN new.u = 'nobody' BEGIN DELETE FROM t WHERE id = new.id; END`);
      };
      before.forEach(make);
      const data = { path, table: TABLE };
      openTable(path, TABLE);
      after.forEach(make);
      db.exec(`INSERT INTO t VALUES (1, 'ann', 'first'), (2, 'bob', 'second'), (3, 'nobody', 'third')`);
      db.exec(`UPDATE t SET u = 'cleo' WHERE id = 2`);
      expectSoundTable(path, TABLE);
      const search = searchOf({ path, ...TABLE });
      expect(await search.search('first')).toHaveLength(1);
      expect(await search.search('stamped')).toHaveLength(1);
      expect(await search.search('second')).toEqual([]);
      expect(await search.search('moved', { userId: 'cleo' })).toHaveLength(1);
      expect(await search.search('third')).toEqual([]);
      expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: 2 });
      expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(2);
    });
  },
);

describe.each(['id INTEGER PRIMARY KEY', 'id TEXT PRIMARY KEY'])('on a table with %s, what REPLACE leaves', (key) => {
  // The row in the way of another UNIQUE column goes without a word to any trigger.
  const left = async (): Promise<{ path: string; db: Database }> => {
    const { path, db } = databaseOf(`CREATE TABLE t (${key}, u TEXT, slug UNIQUE, body TEXT)`);
    const data = { path, table: TABLE };
    openTable(path, TABLE);
    db.exec(`INSERT INTO t VALUES ('1', 'ann', 'x', 'old'), ('2', 'ann', 'y', 'other'), ('3', 'bob', 'z', 'third')`);
    await runOn(migrate, {}, data);
    db.exec(`REPLACE INTO t VALUES ('4', 'ann', 'x', 'new'); UPDATE OR REPLACE t SET slug = 'y' WHERE id = '3'`);
    expect(db.prepare('SELECT count(*) FROM v').pluck().get()).toBe(3);
    expect(db.prepare('SELECT count(*) FROM f_a_docsize').pluck().get()).toBe(4);
    return { path, db };
  };

  it('is never found, and does not come back with a row of the same key', async () => {
    const { path, db } = await left();
    const search = searchOf({ path, ...TABLE, embedder: EMBEDDER });
    for (const query of ['old', 'other']) {
      expect(await search.search(query)).toEqual([]);
      const near = await search.search(query, { mode: 'hybrid' });
      expect(near.map(({ row }) => String(row['id']))).toEqual(['3']);
    }
    db.exec(`INSERT INTO t VALUES ('1', 'bob', 'w', 'again'); UPDATE t SET id = '2' WHERE id = '4'`);
    expect(await search.search('old')).toEqual([]);
    expect(await search.search('new')).toMatchObject([{ row: { body: 'new' } }]);
    expect(await search.search('again', { userId: 'bob' })).toHaveLength(1);
    await expectFreshVectors(path, TABLE, EMBEDDER);
    expectSoundTable(path, TABLE);
  });

  it.each([
    ['a whole rebuild', [{}]],
    ['a rebuild for the user', [{ userId: 'ann' }]],
  ])('is removed by %s and a migration', async (_, inputs) => {
    const { path } = await left();
    const data = { path, table: TABLE };
    for (const input of inputs) await runOn(rebuild, input, data);
    expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: 1, removed: 2 });
    expectSoundTable(path, TABLE);
    expect(await expectFreshVectors(path, TABLE, EMBEDDER)).toBe(2);
  });
});
