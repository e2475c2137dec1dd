import * as fc from 'fast-check';
import type { SqliteTable } from 'treadle/store';
import { hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import { foldName, quoteName } from '../../dist/sqlite/identifier.js';
import { checkTable } from '../../dist/sqlite/sqlite-table.js';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { databaseOf, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const HOSTILE = [
  'a"b',
  "it's",
  '"',
  "'",
  '`x`',
  '[x]',
  ']',
  'a.b',
  'main.x',
  'a b',
  ' ',
  'x; DROP TABLE canary; --',
  '"); DROP TABLE canary; --',
  "'); DROP TABLE canary; --",
  '*/ x /*',
  '--',
  ':now',
  '?1',
  '@userId',
  '$x',
  '%s%q',
  '\\',
  '\n',
  'rank',
  'rowid',
  'oid',
  'content',
  'content1',
  'scope',
  'number',
  'id',
  'row_id',
  'model',
  'm',
  'k',
  'f',
  'c',
  'p',
  'v',
  'n',
  'd',
  'new',
  'old',
  'source',
  'entries',
  'temp',
  'select',
  'SELECT',
  'table',
  'order',
  'null',
  'true',
  '1',
  '0x10',
  'Straße',
  'ÉCOLE',
  'école',
  '表',
  '🦄',
  '\u202Eabc',
  'K',
  'sqlite_x',
  'treadle_tables',
  'x_a',
  'x',
  'X',
] as const;

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<string>(...HOSTILE) },
  {
    weight: 1,
    arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }).filter((text) => !text.includes('\0')),
  },
);

const names = fc.record({
  table: name,
  id: name,
  first: name,
  second: name,
  user: name,
  expires: name,
  fts: name,
  vectors: name,
});

// Words that SQL takes for something else where there is no column of that name.
const EXAMPLES: [
  names: Record<'table' | 'id' | 'first' | 'second' | 'user' | 'expires' | 'fts' | 'vectors', string>,
  boolean,
][] = [
  [
    { table: 'old', id: 'id', first: 'true', second: 'number', user: 'rowid', expires: 'k', fts: 'm', vectors: 'k' },
    false,
  ],
  [
    {
      table: 'm',
      id: 'rank',
      first: 'false',
      second: 'true',
      user: 'row_id',
      expires: 'now',
      fts: 'new',
      vectors: 'f',
    },
    true,
  ],
];

describe('a name', () => {
  it('may be anything: all works, or is refused with a word why, and nothing is executed from it', async () => {
    let worked = 0;
    const property = fc.asyncProperty(
      names,
      fc.boolean(),
      async ({ table, id, first, second, user, expires, fts, vectors }, integer) => {
        const columns = [id, first, second, user, expires];
        fc.pre(new Set(columns.map(foldName)).size === columns.length && !/^(sqlite_|canary$)/i.test(table));
        const { path, db } = databaseOf(`CREATE TABLE canary (song); INSERT INTO canary VALUES ('la')`);
        const [q, i, a, b, u, e] = [table, ...columns].map(quoteName);
        db.exec(
          `CREATE TABLE ${q} (${i} ${integer ? 'INTEGER' : 'TEXT'} PRIMARY KEY, ${a} TEXT, ${b} TEXT, ${u} TEXT, ${e})`,
        );
        const insert = db.prepare(`INSERT INTO ${q} VALUES (?, ?, ?, ?, ?)`);
        const described: SqliteTable = { table, id, content: [first, second], user, expiresAt: expires, fts, vectors };
        insert.run('1', 'before red', null, 'ann', null);
        try {
          openTable(path, checkTable(described)).db.close();
        } catch (error) {
          expect((error as Error).message).toMatch(/^Expected .+, got |^Expected .+ to be no name in .+ yet/s);
          const there = db.prepare('SELECT name FROM sqlite_schema ORDER BY name').pluck().all();
          const indexes = integer ? [] : [`sqlite_autoindex_${table}_1`];
          expect(there).toEqual([...new Set(['canary', table, ...indexes])].sort(byBytes));
          return;
        }
        worked++;
        insert.run('2', 'blue', 'green', 'ann', null);
        insert.run('3', 'red', 'red', 'bob', 1);
        db.prepare(`UPDATE ${q} SET ${b} = 'yellow' WHERE ${i} = '2'`).run();
        const data = { path, table: described, embedders: { default: { options: { dimensions: 16 } } } };
        expect(await runOn(rebuild, {}, data)).toEqual({ rows: 3, replayed: 0, removed: 0 });
        expect(await runOn(rebuild, { userId: 'ann' }, data)).toEqual({ rows: 2, replayed: 0, removed: 0 });
        expect(await runOn(migrate, {}, data)).toMatchObject({ embedded: 3 });
        expect(await runOn(sweep, {}, data)).toEqual({ deleted: 1 });
        const search = searchOf({ path, ...described, embedder: hashingEmbedder({ dimensions: 16 }) });
        const found = async (query: string, mode: 'text' | 'hybrid'): Promise<unknown[]> =>
          (await search.search(query, { mode, userId: 'ann', limit: 1, snippet: true })).map(({ row, snippet }) => [
            String(row[id]),
            snippet?.text,
          ]);
        expect(await found('yellow', 'text')).toEqual([['2', 'yellow']]);
        expect(await found('red', 'hybrid')).toEqual([['1', 'before red']]);
        expect(await found('green', 'text')).toEqual([]);
        db.prepare(`DELETE FROM ${q} WHERE ${i} = '1'`).run();
        expect(await found('red', 'text')).toEqual([]);
        expectSoundTable(path, described);
        expect(db.prepare('SELECT * FROM canary').all()).toEqual([{ song: 'la' }]);
        search.close();
        db.close();
      },
    );
    await fc.assert(property, { numRuns: 40, examples: EXAMPLES });
    expect(worked).toBeGreaterThan(10);
  });

  it.each(['', 'nul\0', 5, null, {}])('that is %j is refused', (bad) => {
    const good = { table: 't', id: 'id', content: ['a'], fts: 'f' };
    for (const key of ['table', 'id', 'user', 'namespace', 'fts', 'vectors'] as const) {
      expect(() => checkTable({ ...good, [key]: bad })).toThrow(
        `Expected \`${key}\` to be a name, a string that is not empty`,
      );
    }
    expect(() => checkTable({ ...good, content: ['a', bad] })).toThrow('Expected `content[1]` to be a name');
  });
});

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
