import type { Database } from 'better-sqlite3';
import { openConnection } from './connection.js';
import { DEFAULT_TOKENIZER, checkTokenizer } from './fts-index.js';
import { quoteName, sameName } from './identifier.js';
import { Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import {
  type Known,
  createSideTables,
  difference,
  dropSideTables,
  forget,
  keyKind,
  knownTables,
  missingName,
  remember,
  takenName,
} from './side-tables.js';
import type { SqliteTable } from './sqlite-table.js';

/**
 * Opens a database with a table of its user's, and makes what is kept beside the table unless it is there. Where the
 * description has changed in what is indexed, or the table itself was made anew, that is made anew too, empty.
 *
 * @throws Error when the file or the table is not there, does not have the columns, or a name is another's.
 */
export function openOwnTable(path: string, described: SqliteTable, tokenizer: string = DEFAULT_TOKENIZER): OpenTable {
  return opened(path, (db) => {
    const layout = layoutOf(db, described);
    const known = knownUnder(db, layout.base);
    const isKnown = known !== undefined && difference(known, layout) === undefined;
    const open = { db, layout: isKnown ? layoutAsKnown(known, layout) : layout };
    setUp(open, tokenizer);
    return open;
  });
}

/**
 * Opens a table for searching: as {@link openOwnTable}, but nothing that was made ever goes. The description may do
 * without some of what is kept; the layout that is returned has all of it.
 *
 * @throws Error also when what is kept was made for another description, or is not whole.
 */
export function openForSearch(path: string, described: SqliteTable): OpenTable {
  return opened(path, (db) => {
    const find = (): OpenTable | null => findForSearch(db, layoutOf(db, described));
    const make = (): OpenTable => {
      const open = { db, layout: layoutOf(db, described) };
      create(open, DEFAULT_TOKENIZER);
      return open;
    };
    // A task may make it anew at the same time: what is found is of one moment. And another thread may be quicker.
    return db.transaction(find).deferred() ?? db.transaction(() => find() ?? make()).immediate();
  });
}

function opened(path: string, prepare: (db: Database) => OpenTable): OpenTable {
  const db = openConnection(path, { mustExist: true });
  try {
    return prepare(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function findForSearch(db: Database, layout: Layout): OpenTable | null {
  const { fts, vectors, table } = layout.described;
  const known =
    knownUnder(db, layout.base) ??
    (fts === undefined ? knownTables(db).find((each) => sameName(each.vectors ?? '', vectors ?? '')) : undefined);
  if (known === undefined) return null;
  const differs = difference(known, layout, true);
  const open = { db, layout: layoutAsKnown(known, layout) };
  if (differs !== undefined) {
    throw new Error(
      `Expected "${open.layout.base}" to be described as it was made, with ${differs}. A search makes nothing anew: ` +
        'give it the description that the tasks have, or run one of them',
    );
  }
  const missing = missingName(open);
  if (missing !== undefined) {
    throw new Error(
      `Expected "${missing}" to be kept beside "${table}", got none, as when a table is made anew. A search makes ` +
        'nothing anew: run rebuild_fts_index or migrate_embeddings',
    );
  }
  return open;
}

/**
 * Makes what is kept beside a table unless it is there, as {@link openOwnTable} does: the table may have been made anew
 * since it was opened.
 *
 * @throws Error also when its key is of another kind since then
 */
export function setUp(open: OpenTable, tokenizer: string = DEFAULT_TOKENIZER): void {
  const { db, layout } = open;
  const isUpToDate = (): boolean => {
    checkKey(open);
    const known = knownUnder(db, layout.base);
    return known !== undefined && difference(known, layout) === undefined && missingName(open) === undefined;
  };
  if (isUpToDate()) return;
  checkTokenizer(tokenizer);
  db.transaction(() => {
    // Another thread may have been quicker.
    if (isUpToDate()) return;
    removeOld(open);
    create(open, tokenizer);
  }).immediate();
}

function create(open: OpenTable, tokenizer: string): void {
  const { fts, table } = open.layout.described;
  const taken = takenName(open);
  if (taken !== undefined) {
    throw new Error(
      `Expected "${taken}" to be no name in ${open.db.name} yet: it is needed beside "${table}". Choose another for ` +
        `\`${fts === undefined ? 'vectors' : 'fts'}\``,
    );
  }
  createSideTables(open, tokenizer);
  remember(open);
}

/** Removes what was made for an earlier description under the same name, unless that is of another table. */
function removeOld({ db, layout }: OpenTable): void {
  const known = knownUnder(db, layout.base);
  if (known === undefined) return;
  if (!sameName(known.table, layout.described.table) && kindOf(db, known.table) !== undefined) {
    throw new Error(
      `Expected "${layout.base}" to be kept beside "${layout.described.table}", got one that is kept beside "${known.table}"`,
    );
  }
  const old = { db, layout: layoutAsKnown(known, layout) };
  dropSideTables(old);
  forget(old);
}

function knownUnder(db: Database, base: string): Known | undefined {
  return knownTables(db).find(({ fts, vectors, table }) => sameName(fts ?? vectors ?? table, base));
}

/** The layout for which something was made, in its letters, and how rows expire from the present one. */
function layoutAsKnown({ numbered, ...known }: Known, { described }: Layout): Layout {
  return new Layout({ ...known, expiresAt: described.expiresAt }, numbered);
}

function layoutOf(db: Database, described: SqliteTable): Layout {
  return new Layout(described, !isRowId(db, described));
}

/** @throws Error when the table was made anew and its rows are not told apart as the layout has it. */
function checkKey({ db, layout }: OpenTable): void {
  if (isRowId(db, layout.described) === !layout.numbered) return;
  throw new Error(
    `Expected "${layout.described.table}" to have ${keyKind(layout.numbered)}, as when it was opened: the table was ` +
      'made anew with another key; start again, with a new TaskManager',
  );
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
  for (const [property, name] of Object.entries({ user, namespace })) {
    const { type = '' } = find(name ?? '') ?? {};
    if (!isReal(type)) continue;
    // There a 5 is 5.0, which is not what anybody calls a user.
    throw new Error(
      `Expected column "${name}" of "${table}" to hold texts or integers, because it is \`${property}\`, got ${type}`,
    );
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

/** Whether a column that is declared like this turns numbers into reals: https://sqlite.org/datatype3.html#determination_of_column_affinity */
function isReal(type: string): boolean {
  return /REAL|FLOA|DOUB/i.test(type) && !/INT|CHAR|CLOB|TEXT|BLOB/i.test(type);
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
