import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { databaseOf, expectFreshVectors, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const SCOPED = { table: 't', id: 'id', content: ['body'], user: 'u', namespace: 'n', fts: 'f', vectors: 'v' } as const;
const SMALL = { dimensions: 16 };
const EMBEDDERS = { default: {}, small: { options: SMALL } };

describe('a user whose name a collation takes for another', () => {
  const SQL = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT COLLATE NOCASE, n TEXT COLLATE NOCASE, body TEXT, at INTEGER);
               CREATE INDEX t_by_user ON t (u);
               INSERT INTO t VALUES (1, 'bob', 'x', 'the loom', 1), (2, 'BOB', 'x', 'the loom', 1), (3, 'bob', 'X', 'the loom', 1)`;

  it('has rows of their own, in each kind of search and in each namespace', async () => {
    const { path } = databaseOf(SQL);
    const data = { path, table: SCOPED };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const search = searchOf({ path, ...SCOPED, embedder: hashingEmbedder() });
    for (const mode of ['text', 'vector', 'hybrid'] as const) {
      const ids = async (userId: string, namespace?: string): Promise<unknown[]> => {
        const hits = await search.search('loom', { userId, mode, ...(namespace === undefined ? {} : { namespace }) });
        return hits.map(({ row }) => Number(row['id'])).sort((a, b) => a - b);
      };
      expect([mode, await ids('bob'), await ids('BOB'), await ids('Bob')]).toEqual([mode, [1, 3], [2], []]);
      expect([mode, await ids('bob', 'x'), await ids('bob', 'X')]).toEqual([mode, [1], [3]]);
    }
  });

  it('is migrated, rebuilt and swept without a look at the other', async () => {
    const { path, db } = databaseOf(SQL);
    const table = { ...SCOPED, expiresAt: 'at' };
    const data = { path, table, embedders: EMBEDDERS };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    expect(await runOn(migrate, { userId: 'BOB', to: 'small' }, data)).toMatchObject({ embedded: 1, removed: 1 });
    expect(await expectFreshVectors(path, table, hashingEmbedder())).toBe(2);
    expect(await expectFreshVectors(path, table, hashingEmbedder(SMALL))).toBe(1);
    expect(await runOn(rebuild, { userId: 'BOB' }, data)).toEqual({ rows: 1, replayed: 0, removed: 0 });
    expect(await runOn(sweep, { userId: 'bob', namespace: 'X' }, data)).toEqual({ deleted: 1 });
    expect(await runOn(sweep, { userId: 'BOB' }, data)).toEqual({ deleted: 1 });
    expect(db.prepare('SELECT id FROM t').pluck().all()).toEqual([1]);
    expectSoundTable(path, table);
  });

  it('is still found by an index on the column', () => {
    const { path } = databaseOf(SQL);
    const { db, layout } = openTable(path, SCOPED);
    const plan = db.prepare(`EXPLAIN QUERY PLAN SELECT 1 FROM t m WHERE ${layout.within('bob', 'x')}`);
    const details = (plan.all({ userId: 'bob', namespace: 'x' }) as { detail: string }[]).map(({ detail }) => detail);
    expect(details).toEqual(['SEARCH m USING INDEX t_by_user (u=?)']);
  });
});

describe.each(['TEXT', 'INTEGER', 'NUMERIC', 'VARCHAR(20)'])('a user in a column of type %s', (type) => {
  it('is the one that is named, by a number or a string, and not one that looks the same as a number', async () => {
    const { path } = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, u ${type}, n TEXT, body TEXT);
                                 INSERT INTO t VALUES (1, 5, 'x', 'the loom'), (2, 6, 'x', 'the loom')`);
    const data = { path, table: SCOPED };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const search = searchOf({ path, ...SCOPED, embedder: hashingEmbedder() });
    for (const mode of ['text', 'vector'] as const) {
      const counts = [];
      for (const userId of [5, '5', '05', '5.0', ' 5', 7]) {
        counts.push((await search.search('loom', { userId, mode })).length);
      }
      expect([mode, counts]).toEqual([mode, [1, 1, 0, 0, 0, 0]]);
    }
  });
});

describe('a user in a column without a type', () => {
  it('is a number or a string, as it is stored', async () => {
    const { path } = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, u, n, body TEXT);
                                 INSERT INTO t VALUES (1, 5, 'x', 'the loom'), (2, '5', 'x', 'the loom')`);
    const data = { path, table: SCOPED };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    const search = searchOf({ path, ...SCOPED, embedder: hashingEmbedder() });
    for (const mode of ['text', 'vector'] as const) {
      expect(await search.search('loom', { userId: 5, mode })).toMatchObject([{ row: { id: 1 } }]);
      expect(await search.search('loom', { userId: '5', mode })).toMatchObject([{ row: { id: 2 } }]);
    }
  });
});

describe.each(['user', 'namespace'])('a column of real numbers as `%s`', (property) => {
  it.each(['REAL', 'double precision', 'FLOAT'])('is refused with its type, %s, and leaves nothing behind', (type) => {
    const { path, db } = databaseOf(`CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT, r ${type}, body TEXT)`);
    const table = { ...SCOPED, namespace: undefined, [property]: 'r' };
    const message = `Expected column "r" of "t" to hold texts or integers, because it is \`${property}\`, got ${type}`;
    expect(() => openTable(path, table)).toThrow(message);
    expect(() => searchOf({ path, ...table })).toThrow(message);
    expect(db.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
  });
});
