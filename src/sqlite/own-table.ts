import type { Database } from 'better-sqlite3';
import { openConnection } from './connection.js';
import { DEFAULT_TOKENIZER, checkTokenizer } from './fts-index.js';
import { quoteName, sameName } from './identifier.js';
import { Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { createSideTables, dropSideTables, hasSideTables, takenName } from './side-tables.js';
import type { SqliteTable } from './sqlite-table.js';

// To be raised when what is kept beside a table changes its shape.
const VERSION = 1;

/**
 * Opens a database with a table of its user's, and makes what is kept beside the table unless it is there. Where the
 * description has changed in what is indexed, or the table itself was made anew, that is made anew too, empty.
 *
 * @throws Error when the file or the table is not there, does not have the columns, or a name is another's.
 */
export function openOwnTable(path: string, described: SqliteTable, tokenizer: string = DEFAULT_TOKENIZER): OpenTable {
  const db = openConnection(path, { mustExist: true });
  try {
    const open = { db, layout: new Layout(described, !isRowId(db, described)) };
    setUp(open, tokenizer);
    return open;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** What was made beside a table, and for which description. */
interface Known extends Pick<SqliteTable, 'table' | 'id' | 'content' | 'user' | 'namespace' | 'fts' | 'vectors'> {
  readonly version: number;
  readonly numbered: boolean;
}

/**
 * Makes what is kept beside a table unless it is there, as {@link openOwnTable} does: the table may have been made anew
 * since it was opened.
 */
export function setUp(open: OpenTable, tokenizer: string = DEFAULT_TOKENIZER): void {
  const { db, layout } = open;
  const { table, id, content, user, namespace, fts, vectors } = layout.described;
  const { numbered } = layout;
  const known: Known = { version: VERSION, numbered, table, id, content, user, namespace, fts, vectors };
  const description = JSON.stringify(known);
  const isUpToDate = (): boolean => knownDescription(db, layout.base) === description && hasSideTables(open);
  if (isUpToDate()) return;
  checkTokenizer(tokenizer);
  db.transaction(() => {
    // Another thread may have been quicker.
    if (isUpToDate()) return;
    db.exec('CREATE TABLE IF NOT EXISTS treadle_tables (name TEXT PRIMARY KEY, description TEXT NOT NULL) STRICT');
    removeOld(open);
    const taken = takenName(open);
    if (taken !== undefined) {
      throw new Error(
        `Expected "${taken}" to be no name in ${db.name} yet: it is needed beside "${table}". Choose another for ` +
          `\`${fts === undefined ? 'vectors' : 'fts'}\``,
      );
    }
    createSideTables(open, tokenizer);
    db.prepare('INSERT INTO treadle_tables (name, description) VALUES (?, ?)').run(layout.base, description);
  }).immediate();
}

/** Removes what was made for an earlier description under the same name, unless that is of another table. */
function removeOld({ db, layout }: OpenTable): void {
  const description = knownDescription(db, layout.base);
  if (description === null) return;
  const { numbered, ...described } = JSON.parse(description) as Known;
  if (!sameName(described.table, layout.described.table) && kindOf(db, described.table) !== undefined) {
    throw new Error(
      `Expected "${layout.base}" to be kept beside "${layout.described.table}", got one that is kept beside "${described.table}"`,
    );
  }
  dropSideTables({ db, layout: new Layout(described, numbered) });
  db.prepare('DELETE FROM treadle_tables WHERE name = ? COLLATE NOCASE').run(layout.base);
}

function knownDescription(db: Database, name: string): string | null {
  if (kindOf(db, 'treadle_tables') === undefined) return null;
  const description = db
    .prepare('SELECT description FROM treadle_tables WHERE name = ? COLLATE NOCASE')
    .pluck()
    .get(name);
  return (description ?? null) as string | null;
}

/** What has this name: a table or a view. */
function kindOf(db: Database, name: string): string | undefined {
  const kind = db.prepare(`SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')`);
  return kind.pluck().get(name) as string | undefined;
}

interface Column {
  name: string;
  type: string;
  notnull: number;
  pk: number;
}

/**
 * True when the id column is the table's integer primary key, which SQLite keeps stable.
 *
 * @throws Error when the table has not the columns that are named, or the id column does not tell rows apart.
 */
function isRowId(db: Database, described: SqliteTable): boolean {
  const { table, id, content = [], user, namespace, expiresAt } = described;
  const encoding = db.pragma('encoding', { simple: true }) as string;
  if (encoding !== 'UTF-8') throw new Error(`Expected ${db.name} to be encoded in UTF-8, got ${encoding}`);
  const kind = kindOf(db, table);
  if (kind !== 'table') throw new Error(`Expected ${db.name} to have a table "${table}", got ${what(kind)}`);
  const { wr, type: form } = (db.pragma(`table_list(${quoteName(table)})`) as { wr: number; type: string }[])[0] ?? {};
  if (form !== 'table') throw new Error(`Expected "${table}" to be an ordinary table, got ${what(form)} table`);
  const columns = db.pragma(`table_xinfo(${quoteName(table)})`) as Column[];
  const find = (name: string): Column | undefined => columns.find((column) => sameName(column.name, name));
  const expiry = typeof expiresAt === 'string' ? expiresAt : expiresAt?.column;
  for (const name of [id, ...content, user, namespace, expiry]) {
    if (name === undefined || find(name) !== undefined) continue;
    const names = columns.map((column) => column.name).join(', ');
    throw new Error(`Expected table "${table}" to have a column "${name}", got ${names}`);
  }
  const { type, pk, notnull } = find(id) as Column;
  const primary = pk > 0 && columns.filter((column) => column.pk > 0).length === 1;
  // A primary key with an index of its own is not the row id, INTEGER or not: https://sqlite.org/lang_createtable.html#rowid
  if (primary && type.toUpperCase() === 'INTEGER' && wr === 0 && !hasKeyIndex(db, table)) return true;
  if (!primary && !(notnull === 1 && isUnique(db, table, id))) {
    throw new Error(`Expected column "${id}" of "${table}" to be its primary key, or unique and not null`);
  }
  return false;
}

function hasKeyIndex(db: Database, table: string): boolean {
  const indexes = db.pragma(`index_list(${quoteName(table)})`) as { origin: string }[];
  return indexes.some(({ origin }) => origin === 'pk');
}

function isUnique(db: Database, table: string, column: string): boolean {
  const indexes = db.pragma(`index_list(${quoteName(table)})`) as { name: string; unique: number; partial: number }[];
  return indexes.some(({ name, unique, partial }) => {
    if (unique === 0 || partial === 1) return false;
    const parts = db.pragma(`index_info(${quoteName(name)})`) as { name: string | null }[];
    const only = parts.length === 1 ? parts[0]?.name : null;
    return typeof only === 'string' && sameName(only, column);
  });
}

function what(kind: string | undefined): string {
  return kind === undefined ? 'none' : `a ${kind}`;
}
