import type { Database } from 'better-sqlite3';
import { openConnection } from './connection.js';
import { DEFAULT_TOKENIZER } from './fts-index.js';
import { quoteName } from './identifier.js';
import { Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { createSideTables, dropSideTables } from './side-tables.js';
import type { SqliteTable } from './sqlite-table.js';

// To be raised when what is kept beside a table changes its shape.
const VERSION = 1;

/**
 * Opens a database with a table of its user's, and makes what is kept beside the table unless it is there. Where the
 * description has changed in what is indexed, that is made anew, empty.
 *
 * @throws Error when the file or the table is not there, or does not have the columns.
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

function setUp(open: OpenTable, tokenizer: string): void {
  const { db, layout } = open;
  const { table, id, content, user, namespace, fts, vectors } = layout.described;
  const description = JSON.stringify({ version: VERSION, table, id, content, user, namespace, fts, vectors });
  if (knownDescription(db, layout.base) === description) return;
  db.transaction(() => {
    db.exec('CREATE TABLE IF NOT EXISTS treadle_tables (name TEXT PRIMARY KEY, description TEXT NOT NULL) STRICT');
    // Another thread may have been quicker.
    const known = knownDescription(db, layout.base);
    if (known === description) return;
    if (known !== null) dropSideTables({ db, layout: new Layout(JSON.parse(known) as SqliteTable, true) });
    createSideTables(open, tokenizer);
    db.prepare('REPLACE INTO treadle_tables (name, description) VALUES (?, ?)').run(layout.base, description);
  }).immediate();
}

function knownDescription(db: Database, name: string): string | null {
  const there = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'treadle_tables'`).get();
  if (there === undefined) return null;
  const description = db.prepare('SELECT description FROM treadle_tables WHERE name = ?').pluck().get(name);
  return (description ?? null) as string | null;
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
  const columns = db.pragma(`table_xinfo(${quoteName(table)})`) as Column[];
  const kind = db.prepare(`SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE`).pluck().get(table);
  if (kind !== 'table') throw new Error(`Expected ${db.name} to have a table "${table}", got ${what(kind)}`);
  const find = (name: string): Column | undefined =>
    columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  const expiry = typeof expiresAt === 'string' ? expiresAt : expiresAt?.column;
  for (const name of [id, ...content, user, namespace, expiry]) {
    if (name === undefined || find(name) !== undefined) continue;
    const names = columns.map((column) => column.name).join(', ');
    throw new Error(`Expected table "${table}" to have a column "${name}", got ${names}`);
  }
  const { type, pk, notnull } = find(id) as Column;
  const { wr } = (db.pragma(`table_list(${quoteName(table)})`) as { wr: number }[])[0] ?? { wr: 0 };
  const primary = pk > 0 && columns.filter((column) => column.pk > 0).length === 1;
  if (primary && type.toUpperCase() === 'INTEGER' && wr === 0) return true;
  if (!primary && !(notnull === 1 && isUnique(db, table, id))) {
    throw new Error(`Expected column "${id}" of "${table}" to be its primary key, or unique and not null`);
  }
  return false;
}

function isUnique(db: Database, table: string, column: string): boolean {
  const indexes = db.pragma(`index_list(${quoteName(table)})`) as { name: string; unique: number; partial: number }[];
  return indexes.some(({ name, unique, partial }) => {
    if (unique === 0 || partial === 1) return false;
    const parts = db.pragma(`index_info(${quoteName(name)})`) as { name: string | null }[];
    return parts.length === 1 && parts[0]?.name?.toLowerCase() === column.toLowerCase();
  });
}

function what(kind: unknown): string {
  return kind === undefined ? 'none' : `a ${String(kind)}`;
}
