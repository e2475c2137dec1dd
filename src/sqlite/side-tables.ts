import type { Database } from 'better-sqlite3';
import { createIndex } from './fts-index.js';
import { quoteName, sameName } from './identifier.js';
import { INDEXES, type Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { SqliteTable } from './sqlite-table.js';
import { createTallies } from './tally.js';
import { createTriggers, dropTriggers, triggerNames } from './triggers.js';

// What FTS5 keeps a contentless index in.
const SHADOWS = ['data', 'idx', 'docsize', 'config'];

// To be raised when what is kept beside a table changes its shape.
const VERSION = 1;

// What a description says of the indexes. How rows expire has no place in them.
const INDEXED = ['table', 'id', 'content', 'user', 'namespace', 'fts', 'vectors'] as const;

// What a search may do without although it is kept.
const OPTIONAL: ReadonlySet<string> = new Set(['user', 'namespace', 'fts', 'vectors']);

/** What was made beside a table, and for which description. */
export interface Known extends Pick<SqliteTable, (typeof INDEXED)[number]> {
  readonly version: number;
  readonly numbered: boolean;
}

/** All that was made in a database. */
export function knownTables(db: Database): Known[] {
  const exists = db.prepare(`SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'treadle_tables')`).pluck();
  if (exists.get() === 0) return [];
  const descriptions = db.prepare('SELECT description FROM treadle_tables').pluck().all() as string[];
  return descriptions.map((description) => JSON.parse(description) as Known);
}

/** Notes for which description something was made. Call it in the same write transaction. */
export function remember({ db, layout }: OpenTable): void {
  db.exec('CREATE TABLE IF NOT EXISTS treadle_tables (name TEXT PRIMARY KEY, description TEXT NOT NULL) STRICT');
  const { table, id, content, user, namespace, fts, vectors } = layout.described;
  const { base, numbered } = layout;
  const known: Known = { version: VERSION, numbered, table, id, content, user, namespace, fts, vectors };
  db.prepare('INSERT INTO treadle_tables (name, description) VALUES (?, ?)').run(base, JSON.stringify(known));
}

/** The opposite of {@link remember}. */
export function forget({ db, layout }: OpenTable): void {
  db.prepare('DELETE FROM treadle_tables WHERE name = ? COLLATE NOCASE').run(layout.base);
}

/**
 * The first thing in which a description is not that for which something was made, if any: what that has, and what came.
 * Names may be in other letters, which SQLite takes for the same.
 *
 * @param mayLack whether the description may do without what else is kept
 */
export function difference(
  known: Known,
  { described, numbered }: Layout,
  mayLack: boolean = false,
): string | undefined {
  if (known.version !== VERSION) return `version ${known.version} of its tables, got ${VERSION}`;
  for (const part of INDEXED) {
    if (mayLack && described[part] === undefined && OPTIONAL.has(part)) continue;
    const [was, is] = [shown(known[part]), shown(described[part])];
    if (!sameName(was, is)) return `\`${part}\` ${was}, got ${is}`;
  }
  if (known.numbered !== numbered) return `${keyKind(known.numbered)}, got ${keyKind(numbered)}`;
  return undefined;
}

/** What a key is, in words. */
export function keyKind(numbered: boolean): string {
  return numbered ? 'a key that is no integer primary key' : 'an integer primary key';
}

function shown(names: string | readonly string[] | undefined = []): string {
  return (
    [names]
      .flat()
      .map((name) => JSON.stringify(name))
      .join(', ') || 'none'
  );
}

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
      copied_rows INTEGER,
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
 * The first of what is kept beside a table that is gone, if any. Its triggers go with the table, when somebody makes that
 * anew under the same name, as one does to alter it.
 */
export function missingName({ db, layout }: OpenTable): string | undefined {
  const present = db.prepare(
    `SELECT EXISTS (SELECT 1 FROM sqlite_schema
       WHERE type = ? AND name = ? COLLATE NOCASE AND (type = 'table' OR tbl_name = ? COLLATE NOCASE))`,
  );
  const there = (type: string, name: string): boolean => present.pluck().get(type, name, layout.described.table) === 1;
  return (
    sideTables(layout).find((name) => !there('table', name)) ??
    triggerNames(layout).find((name) => !there('trigger', name))
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
