import Sqlite, { type Database } from 'better-sqlite3';
import { quoteText } from './identifier.js';
import { type IndexName, scopeToken, textColumns } from './layout.js';
import type { OpenTable } from './open-table.js';

/** Words in any of their English forms, without regard to case and accents. */
export const DEFAULT_TOKENIZER = 'porter unicode61 remove_diacritics 2';

/** FTS5's defaults: https://sqlite.org/fts5.html#configuration_options */
export const USUAL_MERGING = { automerge: 4, crisismerge: 16, deletemerge: 10, usermerge: 4 } as const;

export function otherIndex(index: IndexName): IndexName {
  return index === 'a' ? 'b' : 'a';
}

/** The index that answers, as the present transaction sees it. */
export function currentIndex({ db, layout }: OpenTable): IndexName {
  return db.prepare(`SELECT current FROM ${layout.ftsState}`).pluck().get() as IndexName;
}

/**
 * Makes an empty FTS5 table of columns `scope` (whose row it is) and {@link textColumns}. It holds no copy of the text:
 * an entry is removed by its row id alone, without the old text, so removing one twice or one that is not there is
 * harmless. In return FTS5 goes on counting removed entries when it weighs how rare a word is, until the index is
 * rebuilt.
 *
 * @param table its name, quoted
 * @see https://sqlite.org/fts5.html#contentless_delete_tables
 */
export function createIndex(db: Database, table: string, width: number, tokenizer: string): void {
  db.exec(`CREATE VIRTUAL TABLE ${table} ${definition(width, tokenizer)}`);
}

/** Makes an index that does not answer anew, unless it has this tokenizer already. */
export function retokenize({ db, layout }: OpenTable, index: IndexName, tokenizer: string): void {
  const sql = db.prepare('SELECT sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE').pluck();
  if ((sql.get(layout.ftsName(index)) as string).endsWith(definition(layout.width, tokenizer))) return;
  db.exec(`DROP TABLE ${layout.fts(index)}`);
  createIndex(db, layout.fts(index), layout.width, tokenizer);
}

/** The tokenizer of an index. */
export function tokenizerOf({ db, layout }: OpenTable, index: IndexName): string {
  const sql = db
    .prepare('SELECT sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE')
    .pluck()
    .get(layout.ftsName(index)) as string;
  return (/tokenize = '((?:[^']|'')*)'/.exec(sql)?.[1] ?? '').replaceAll("''", "'");
}

/**
 * Tries a tokenizer on an index in memory.
 *
 * @throws Error when FTS5 does not take it, or when it would not find the rows of a user by their scope.
 */
export function checkTokenizer(tokenizer: string): void {
  const refuse = (expectation: string): never => {
    throw new Error(`Expected \`tokenizer\` to be ${expectation}, got "${tokenizer}"`);
  };
  const db = new Sqlite(':memory:');
  try {
    createIndex(db, 'probe', 1, tokenizer);
    const tokens = [scopeToken('a'), scopeToken('a', 'b')];
    db.prepare(`INSERT INTO probe (rowid, scope) VALUES (1, ?)`).run(tokens.join(' '));
    const find = db.prepare(`SELECT count(*) FROM probe WHERE probe MATCH ?`).pluck();
    if (tokens.some((token) => find.get(`scope : "${token}"`) === 0))
      refuse('one that makes words of letters and digits');
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) refuse(`one that FTS5 takes (${error.message})`);
    throw error;
  } finally {
    db.close();
  }
}

function definition(width: number, tokenizer: string): string {
  const columns = ['scope', ...textColumns(width)].join(', ');
  return `USING fts5(
      ${columns}, content = '', contentless_delete = 1, tokenize = ${quoteText(tokenizer)})`;
}

/**
 * Gives FTS5 a command: a setting, or work to do. Numbers are written out: a bound one is a float, which FTS5 refuses.
 *
 * @see https://sqlite.org/fts5.html#special_insert_commands
 */
export function ftsCommand(db: Database, table: string, name: string, value: number): void {
  db.exec(`INSERT INTO ${table} (${table}, rank) VALUES ('${name}', ${value})`);
}

/** Merges segments until so many pages are written; false when there is nothing to merge. */
export function mergeSegments(db: Database, table: string, pages: number): boolean {
  const total = db.prepare('SELECT total_changes()').pluck();
  const before = total.get() as number;
  ftsCommand(db, table, 'merge', pages);
  // The command itself counts as one change: https://sqlite.org/fts5.html#the_merge_command
  return (total.get() as number) - before >= 2;
}
