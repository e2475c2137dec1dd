import type { SqliteTable } from 'treadle/store';
import { describe, expect, it } from 'vitest';
import { currentIndex, tokenizerOf } from '../../dist/sqlite/fts-index.js';
import { scopeToken } from '../../dist/sqlite/layout.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { databaseOf, expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';

const SQL = 'CREATE TABLE t (id TEXT PRIMARY KEY, u TEXT, n TEXT, body TEXT)';
const TABLE = { table: 't', id: 'id', content: ['body'], user: 'u', namespace: 'n', fts: 'f' } as const;
// The last two begin like the first, with what hexadecimal digits of a shorter id may go on with.
const USERS = ['a', 'b', 'a\t', 'a\u0001b'];

async function filled(tokenizer?: string): Promise<ReturnType<typeof databaseOf>> {
  const { path, db } = databaseOf(SQL);
  openTable(path, TABLE, tokenizer).db.close();
  const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?, ?)');
  for (const [at, user] of USERS.entries()) {
    for (const namespace of ['x', 'y'])
      insert.run(`${at}${namespace}`, user, namespace, `Running shoes number${at}${namespace} café 2024`);
  }
  return { path, db };
}

async function ids(
  path: string,
  query: string,
  options: { userId?: string; namespace?: string } = {},
  table: SqliteTable = TABLE,
): Promise<unknown[]> {
  const hits = await searchOf({ path, ...table }).search(query, options);
  return hits.map(({ row }) => String(row['id'])).sort();
}

const TOKENIZERS = [
  'trigram',
  'trigram case_sensitive 1',
  'unicode61',
  'porter',
  'ascii',
  "unicode61 remove_diacritics 0 tokenchars '-_'",
  "unicode61 categories 'L*'",
  "ascii separators '0'",
];

describe.each(TOKENIZERS)('with the tokenizer %s', (tokenizer) => {
  it("finds each user's rows and nobody else's, whole and per user, new and rebuilt", async () => {
    const { path, db } = await filled(tokenizer);
    const data = { path, table: TABLE, tokenizer };
    for (const userId of [null, null, ...USERS]) {
      for (const [at, user] of USERS.entries()) {
        expect(await ids(path, 'Running', { userId: user })).toEqual([`${at}x`, `${at}y`]);
        expect(await ids(path, 'shoes', { userId: user, namespace: 'y' })).toEqual([`${at}y`]);
      }
      expect(await ids(path, 'Running shoes')).toHaveLength(8);
      // What the tokenizer makes no word of finds nothing, rather than everything.
      expect(await ids(path, 'ru', { userId: 'a' })).toEqual([]);
      const result = await runOn(rebuild, userId === null ? {} : { userId }, data);
      expect(result).toEqual({ rows: userId === null ? 8 : 2, replayed: 0, removed: 0 });
      expectSoundTable(path, TABLE, tokenizer);
    }
    // An entry without its row goes, and one in the wrong user's name is made anew.
    const open = openTable(path, TABLE, tokenizer);
    const table = open.layout.fts(currentIndex(open));
    const number = db.prepare(`SELECT number FROM f_numbers WHERE id = '1x'`).pluck().get();
    const spoil = db.prepare(`INSERT INTO ${table} (rowid, scope, content) VALUES (?, ?, 'Running ghost')`);
    db.prepare(`DELETE FROM ${table} WHERE rowid = ?`).run(number);
    spoil.run(number, scopeToken('a'));
    spoil.run(99, scopeToken('a'));
    expect(await runOn(rebuild, { userId: 'a' }, data)).toEqual({ rows: 2, replayed: 0, removed: 1 });
    expectSoundTable(path, TABLE, tokenizer);
  });
});

describe('a tokenizer', () => {
  it.each([
    [
      'that FTS5 does not know',
      'unicode61 nonsense 1',
      /^Expected `tokenizer` to be one that FTS5 takes \(.+\), got "unicode61 nonsense 1"/,
    ],
    ['with a quote left open', "unicode61 tokenchars '", /^Expected `tokenizer` to be one that FTS5 takes/],
    [
      'that would not tell users apart',
      "unicode61 tokenchars ' '",
      /^Expected `tokenizer` to be one that makes words of letters and digits/,
    ],
  ])('%s is refused, and the index stays', async (_, tokenizer, message) => {
    const fresh = databaseOf(SQL);
    expect(() => openTable(fresh.path, TABLE, tokenizer)).toThrow(message);
    expect(fresh.db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'f%'`).pluck().get()).toBe(0);
    const { path } = await filled();
    await expect(runOn(rebuild, {}, { path, table: TABLE, tokenizer })).rejects.toThrow(message);
    expect(await ids(path, 'run')).toHaveLength(8);
    expectSoundTable(path, TABLE);
  });

  it('is changed by the next rebuild, while searches go on', async () => {
    const { path, db } = await filled();
    const search = searchOf({ path, ...TABLE });
    const open = openTable(path, TABLE);
    const seen = new Set<string>();
    for (const tokenizer of ['trigram', 'unicode61', 'porter unicode61 remove_diacritics 2']) {
      const before = tokenizerOf(open, currentIndex(open));
      let checks = 0;
      const pending: Promise<unknown>[] = [];
      await runOn(
        rebuild,
        {},
        { path, table: TABLE, tokenizer },
        {
          onCheck: () => {
            checks++;
            pending.push(
              search.search('running', { limit: 20, snippet: true }).then((hits) => {
                expect(hits).toHaveLength(8);
                for (const { snippet } of hits) {
                  expect(snippet?.highlights.map(([from, to]) => snippet.text.slice(from, to))).toEqual(['Running']);
                }
              }),
            );
          },
        },
      );
      await Promise.all(pending);
      expect(checks).toBeGreaterThan(2);
      expect(tokenizerOf(open, currentIndex(open))).toBe(tokenizer);
      expect(tokenizer).not.toBe(before);
      seen.add(tokenizer);
      db.exec(`UPDATE t SET body = body || ' unlockable'`);
      const parts = await search.search('lock', { userId: 'b' });
      expect(parts).toHaveLength(tokenizer === 'trigram' ? 2 : 0);
      // 'café' and 'cafe' are one word where diacritics are removed.
      expect(await search.search('cafe', { userId: 'b' })).toHaveLength(tokenizer === 'trigram' ? 0 : 2);
      expectSoundTable(path, TABLE);
    }
    expect(seen.size).toBe(3);
  });
});
