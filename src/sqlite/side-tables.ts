import { createIndex } from './fts-index.js';
import { quoteName, sameName } from './identifier.js';
import { INDEXES, type Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { createTallies } from './tally.js';
import { createTriggers, dropTriggers, triggerNames } from './triggers.js';

// What FTS5 keeps a contentless index in.
const SHADOWS = ['data', 'idx', 'docsize', 'config'];

/**
 * Makes all that is kept beside a table, and the triggers that keep it in step. Call it in a write transaction.
 *
 * There are two full-text indexes, and the state's `current` names the one that answers. Ordinary writes go to that
 * one; while the other is being built (`build`) they also leave the row's number in the list of changes. Where the
 * building process was killed they go on doing so until the next rebuild.
 *
 * `vectors` has row ids although its key is (row, model): in a WITHOUT ROWID table a vector of more than 1 kB goes to an
 * overflow page of its own, which made a file 2.2 times as large at 384 dimensions.
 */
export function createSideTables(open: OpenTable, tokenizer: string): void {
  const { db, layout } = open;
  createTallies(db);
  if (layout.numbered) {
    db.exec(`CREATE TABLE ${layout.numbers} (number INTEGER PRIMARY KEY AUTOINCREMENT, id ANY NOT NULL UNIQUE) STRICT`);
  }
  if (layout.described.fts !== undefined) createFtsTables(open, tokenizer);
  if (layout.described.vectors !== undefined) createVectorTables(open);
  createTriggers(open);
}

function createFtsTables({ db, layout }: OpenTable, tokenizer: string): void {
  for (const index of INDEXES) createIndex(db, layout.fts(index), layout.width, tokenizer);
  db.exec(`
    CREATE TABLE ${layout.ftsState} (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      current TEXT NOT NULL CHECK (current IN ('a', 'b')),
      complete INTEGER NOT NULL,
      build TEXT,
      last_build TEXT,
      last_rows INTEGER,
      last_replayed INTEGER
    ) STRICT;
    INSERT INTO ${layout.ftsState} (one, current, complete) SELECT 1, 'a', NOT EXISTS (SELECT 1 FROM ${layout.table});
    CREATE TABLE ${layout.ftsChanges} (row_id INTEGER PRIMARY KEY) STRICT`);
}

function createVectorTables({ db, layout }: OpenTable): void {
  db.exec(
    `CREATE TABLE ${layout.vectors} (
      row_id INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE (row_id, model)
    ) STRICT`,
  );
  createVectorState({ db, layout });
}

/** What says which vectors are in use and which are missing. */
export function createVectorState({ db, layout }: OpenTable): void {
  db.exec(`
    CREATE TABLE ${layout.models} (scope TEXT PRIMARY KEY, model TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ${layout.pending} (row_id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE ${layout.vectorState} (one INTEGER PRIMARY KEY CHECK (one = 1), migration TEXT) STRICT;
    INSERT INTO ${layout.vectorState} (one) VALUES (1)`);
}

/** Removes all that is kept beside a table, save the tallies. Call it in a write transaction. */
export function dropSideTables(open: OpenTable): void {
  dropTriggers(open);
  for (const table of sideTables(open.layout)) open.db.exec(`DROP TABLE IF EXISTS ${quoteName(table)}`);
}

/**
 * False where something of what is kept beside a table is gone. Its triggers go with the table, when somebody makes that
 * anew under the same name, as one does to alter it.
 */
export function hasSideTables({ db, layout }: OpenTable): boolean {
  const present = db.prepare(
    `SELECT EXISTS (SELECT 1 FROM sqlite_schema
       WHERE type = ? AND name = ? COLLATE NOCASE AND (type = 'table' OR tbl_name = ? COLLATE NOCASE))`,
  );
  const there = (type: string, name: string): boolean => present.pluck().get(type, name, layout.described.table) === 1;
  return (
    sideTables(layout).every((name) => there('table', name)) &&
    triggerNames(layout).every((name) => there('trigger', name))
  );
}

/** The first name that would be needed and can't be had, if any. */
export function takenName({ db, layout }: OpenTable): string | undefined {
  const tables = sideTables(layout);
  const { fts } = layout.described;
  const shadows =
    fts === undefined ? [] : INDEXES.flatMap((name) => SHADOWS.map((part) => `${layout.ftsName(name)}_${part}`));
  const taken = db.prepare('SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE)').pluck();
  const names = [...tables, ...shadows, ...triggerNames(layout)];
  return names.find((name, at) => taken.get(name) === 1 || names.findIndex((other) => sameName(name, other)) < at);
}

/** The tables beside a table, not quoted. */
function sideTables(layout: Layout): string[] {
  const { fts, vectors } = layout.described;
  return [
    ...(layout.numbered ? [`${layout.base}_numbers`] : []),
    ...(fts === undefined ? [] : [layout.ftsName('a'), layout.ftsName('b'), `${fts}_state`, `${fts}_changes`]),
    ...(vectors === undefined ? [] : [vectors, `${vectors}_models`, `${vectors}_pending`, `${vectors}_state`]),
  ];
}
