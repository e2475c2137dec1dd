import type { Database } from 'better-sqlite3';

/** The two full-text indexes: one answers, the other is empty or being built. */
export const INDEXES = ['a', 'b'] as const;

export type IndexName = (typeof INDEXES)[number];

/** Its FTS5 table. */
export function ftsTable(index: IndexName): string {
  return `memories_fts_${index}`;
}

export function otherIndex(index: IndexName): IndexName {
  return index === 'a' ? 'b' : 'a';
}

/** The index that answers, as the present transaction sees it. */
export function currentIndex(db: Database): IndexName {
  return db.prepare('SELECT current FROM fts_state').pluck().get() as IndexName;
}

/**
 * Makes an empty FTS5 table of columns `scope` (whose row it is) and `content`. It holds no copy of the text: an entry
 * is removed by its row id alone, without the old text, so removing one twice or one that is not there is harmless. In
 * return FTS5 goes on counting removed entries when it weighs how rare a word is, until the index is rebuilt.
 *
 * @see https://sqlite.org/fts5.html#contentless_delete_tables
 */
export function createIndex(db: Database, table: string): void {
  db.exec(
    `CREATE VIRTUAL TABLE ${table} USING fts5(
      scope, content, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2')`,
  );
}

/**
 * SQL for the `scope` of a row of `memories`: one token for its user, one for user and namespace. Indexed beside the
 * words, they let a search skip other users' rows. Hexadecimal digits survive the tokenizer whatever an id is made of,
 * and no word that ends in a digit is stemmed.
 */
export function ftsScope(row: string): string {
  const user = `'u' || hex(${row}.user_id)`;
  return `${user} || '0 ' || ${user} || 'n' || hex(${row}.namespace) || '0'`;
}

/** The token that {@link ftsScope} gave the rows of a user, or of one namespace of theirs. */
export function scopeToken(userId: string, namespace?: string): string {
  const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex');
  return namespace === undefined ? `u${hex(userId)}0` : `u${hex(userId)}n${hex(namespace)}0`;
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
