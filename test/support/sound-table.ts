import { expect } from 'vitest';
import { createIndex, currentIndex, tokenizerOf } from '../../dist/sqlite/fts-index.js';
import type { OpenTable } from '../../dist/sqlite/open-table.js';

/**
 * Expects that a table and all that is kept beside it are sound: the file, the full-text index, each row's entry in it
 * and no other, and no vector, number or list entry without its row.
 */
export function expectSound(open: OpenTable): void {
  const { db, layout } = open;
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(db.pragma('foreign_key_check')).toEqual([]);
  if (layout.described.fts !== undefined) expectIndexMatches(open);
  if (layout.described.vectors !== undefined) {
    for (const table of [layout.vectors, layout.pending]) expectRowsOf(open, table, 'row_id');
  }
  if (layout.numbered) {
    const orphans = `SELECT count(*) FROM ${layout.numbers} WHERE id NOT IN (SELECT ${layout.id} FROM ${layout.table})`;
    expect(db.prepare(orphans).pluck().get()).toBe(0);
  }
}

/** Compares the index that answers with one made from the rows anew, word by word. */
function expectIndexMatches(open: OpenTable): void {
  const { db, layout } = open;
  const table = layout.fts(currentIndex(open));
  db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
  db.pragma('temp_store = MEMORY');
  createIndex(db, 'temp.expected', layout.width, tokenizerOf(open, currentIndex(open)));
  db.exec(`INSERT INTO temp.expected (${layout.entryColumns}) SELECT ${layout.entry} FROM ${layout.fromByNumber()}`);
  db.exec(`CREATE VIRTUAL TABLE temp.expected_words USING fts5vocab('temp', 'expected', 'instance')`);
  db.exec(`CREATE VIRTUAL TABLE temp.found_words USING fts5vocab('main', ${table}, 'instance')`);
  const words = (vocab: string): [number, string] =>
    db
      .prepare(
        `SELECT count(*), group_concat(term || doc || col || offset, ' ' ORDER BY doc, col, offset) FROM temp.${vocab}`,
      )
      .raw()
      .get() as [number, string];
  const [expected, found] = [words('expected_words'), words('found_words')];
  expect(found[0]).toBe(expected[0]);
  // Not `toBe`: a difference of megabytes is of no use to anybody.
  expect(found[1] === expected[1]).toBe(true);
  const entries = layout.fts(currentIndex(open), 'docsize');
  const ids = (number: string, from: string): unknown =>
    db.prepare(`SELECT count(*), sum(${number} % 1000003) FROM ${from}`).raw().get();
  expect(ids('id', entries)).toEqual(ids(layout.number, layout.fromByNumber()));
  for (const name of ['expected_words', 'found_words', 'expected']) db.exec(`DROP TABLE temp.${name}`);
}

function expectRowsOf({ db, layout }: OpenTable, table: string, column: string): void {
  const orphans = `SELECT count(*) FROM ${table} t WHERE NOT ${layout.exists(`t.${column}`)}`;
  expect([table, db.prepare(orphans).pluck().get()]).toEqual([table, 0]);
}
