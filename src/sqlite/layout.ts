import { quoteName } from './identifier.js';
import type { SqliteTable } from './sqlite-table.js';

/** Whose rows; a number where the column has numbers. */
export type UserId = string | number;

/** The two full-text indexes: one answers, the other is empty or being built. */
export const INDEXES = ['a', 'b'] as const;

export type IndexName = (typeof INDEXES)[number];

// Where a table has a column called "true", TRUE is that column.
const YES = '1';
const NO = '0';

/** The names of an index's columns of text: not those of the table, which may be what FTS5 keeps for itself. */
export function textColumns(width: number): string[] {
  return Array.from({ length: width }, (_, at) => (at === 0 ? 'content' : `content${at}`));
}

/** What only an author of tables can know of them. */
export interface LayoutHints {
  /** An index on the user's column, by which all rows and those of a user are counted without reading them. */
  readonly userIndex?: string;
  /** The columns that a hit is made of, of a table called `m`. @default all */
  readonly hitColumns?: string;
}

/**
 * The SQL that a {@link SqliteTable} comes to: names are quoted here and nowhere else. In every query the table is
 * called `m`.
 *
 * Everything beside the table refers to a row by its number: its integer primary key where it has one. Other keys are
 * numbered in a table of their own, because FTS5 knows rows by integers only, and because SQLite may change the row ids
 * of a table that has no integer primary key.
 */
export class Layout {
  readonly described: SqliteTable;
  /** True where rows are numbered in a table of their own. */
  readonly numbered: boolean;
  readonly table: string;
  readonly id: string;
  /** How many columns of text there are. */
  readonly width: number;
  /** The tables and their join, for after FROM. */
  readonly from: string;
  /** The number of a row of {@link from}. */
  readonly number: string;
  /** The numbers of the rows that have them in a table of their own: `number`, `id`. */
  readonly numbers: string;
  readonly hitColumns: string;
  /** True for a row that has not expired at `:now`. */
  readonly notExpired: string;
  /** True for a row that has expired at `:now`. */
  readonly expired: string;
  /** The state of the full-text index: one row. */
  readonly ftsState: string;
  /** Rows that changed while the other index is built. */
  readonly ftsChanges: string;
  readonly vectors: string;
  /** Which model's vectors answer, by scope; `'*'` is everyone's. */
  readonly models: string;
  /** Rows that may lack the vector by which they are to be found. */
  readonly pending: string;
  /** The migration under way: one row. */
  readonly vectorState: string;
  readonly #hints: LayoutHints;

  constructor(described: SqliteTable, numbered: boolean, hints: LayoutHints = {}) {
    this.described = described;
    this.numbered = numbered;
    this.#hints = hints;
    this.table = quoteName(described.table);
    this.id = quoteName(described.id);
    this.width = described.content?.length ?? 0;
    this.numbers = quoteName(`${this.base}_numbers`);
    this.from = this.fromIn('main');
    this.number = numbered ? 'k.number' : `m.${this.id}`;
    this.hitColumns = hints.hitColumns ?? 'm.*';
    this.expired = expiredSql(described.expiresAt);
    this.notExpired = described.expiresAt === undefined ? YES : `NOT coalesce(${this.expired}, ${NO})`;
    this.ftsState = quoteName(`${described.fts}_state`);
    this.ftsChanges = quoteName(`${described.fts}_changes`);
    this.vectors = quoteName(described.vectors ?? '');
    this.models = quoteName(`${described.vectors}_models`);
    this.pending = quoteName(`${described.vectors}_pending`);
    this.vectorState = quoteName(`${described.vectors}_state`);
  }

  /** What the names of triggers and of the table of numbers begin with. */
  get base(): string {
    const { fts, vectors, table } = this.described;
    return fts ?? vectors ?? table;
  }

  /** The condition by which a run of rows is found without looking at others: that of the user where it has an index. */
  runOf(userId: UserId | null): string {
    return this.#hints.userIndex === undefined ? YES : this.within(userId);
  }

  /** {@link from} with the tables of an attached database. */
  fromIn(schema: string): string {
    const { userIndex } = this.#hints;
    const table = `${schema}.${this.table} m`;
    if (this.numbered) return `${schema}.${this.numbers} k CROSS JOIN ${table} ON ${this.#sameKey('k.id')}`;
    return userIndex === undefined ? table : `${table} INDEXED BY ${quoteName(userIndex)}`;
  }

  /** {@link from}, where rows are found by their number: an index on the user's column would be in the way. */
  fromByNumber(schema: string = 'main'): string {
    return this.numbered ? this.fromIn(schema) : `${schema}.${this.table} m`;
  }

  /** The row of a number that another table has, for after CROSS JOIN, which also fixes the order: from there to here. */
  byNumber(number: string): string {
    return this.numbered
      ? `${this.numbers} k ON k.number = ${number} CROSS JOIN ${this.table} m ON ${this.#sameKey('k.id')}`
      : `${this.table} m ON m.${this.id} = ${number}`;
  }

  /** True when there is a row of that number, for which `condition` holds. */
  exists(number: string, condition: string = YES): string {
    const clause = this.numbered ? 'AND' : 'WHERE';
    return `EXISTS (SELECT 1 FROM ${this.fromByNumber()} ${clause} ${this.number} = ${number} AND ${condition})`;
  }

  /** The FTS5 table of an index; with `part`, one of those that FTS5 keeps it in. */
  fts(index: IndexName, part?: string): string {
    return quoteName(this.ftsName(index) + (part === undefined ? '' : `_${part}`));
  }

  /** The name of an index's FTS5 table, not quoted. */
  ftsName(index: IndexName): string {
    return `${this.described.fts}_${index}`;
  }

  /** The columns of an entry of an index, its number first. */
  get entryColumns(): string {
    return ['rowid', 'scope', ...textColumns(this.width)].join(', ');
  }

  /** The {@link entryColumns} of a row of `m`. */
  get entry(): string {
    return [this.number, this.scope('m'), ...this.texts('m')].join(', ');
  }

  /** The number of a row that a trigger calls `new` or `old`. */
  numberOf(row: 'new' | 'old'): string {
    return this.numbered
      ? `(SELECT k.number FROM ${this.numbers} k WHERE k.id = +${row}.${this.id})`
      : `${row}.${this.id}`;
  }

  /** The row that a trigger calls `new` or `old` as it is in the table, if it is there, for after FROM. */
  stored(row: 'new' | 'old'): string {
    const key = `${row}.${this.id}`;
    return this.numbered
      ? `${this.numbers} k CROSS JOIN ${this.table} m ON k.id = +${key} AND ${this.#sameKey('k.id')} WHERE ${YES}`
      : `${this.table} m WHERE m.${this.id} = ${key}`;
  }

  /** The row of `new` or `old`, numbered or not. */
  keyed(row: 'new' | 'old'): string {
    return `${this.table} m WHERE ${this.#sameKey(`${row}.${this.id}`)}`;
  }

  /** True where a row of `m` has no number. A `+` hides the column's type, with which no index would be used. */
  get unnumbered(): string {
    return `NOT EXISTS (SELECT 1 FROM ${this.numbers} k WHERE k.id = +m.${this.id})`;
  }

  /** The first finds the row by its index; the second leaves out what is the same to a collation like NOCASE only. */
  #sameKey(key: string): string {
    return `m.${this.id} = ${key} AND m.${this.id} = ${key} COLLATE BINARY`;
  }

  /** The columns of text of a row, of `m` or of what a trigger calls `new` or `old`. */
  texts(row: string): string[] {
    return (this.described.content ?? []).map((column) => `${row}.${quoteName(column)}`);
  }

  /** The names of the columns that say what a row has in the indexes, not quoted. */
  get indexed(): string[] {
    const { id, user, namespace, content = [] } = this.described;
    return [id, user, namespace, ...content].filter((name) => name !== undefined);
  }

  /** True for the rows of `:userId`, and in `:namespace`, where these are not null: exactly those of {@link scope}. */
  within(userId: UserId | null, namespace: string | null = null): string {
    const { user, namespace: column } = this.described;
    const conditions = [];
    if (userId !== null && user !== undefined) conditions.push(exactly(user, ':userId'));
    if (namespace !== null && column !== undefined) conditions.push(exactly(column, ':namespace'));
    return conditions.length === 0 ? YES : conditions.join(' AND ');
  }

  /**
   * SQL for the scope of a row: one token for its user, one for user and namespace. Indexed beside the words, they let
   * a search skip other users' rows. Hexadecimal digits survive the tokenizer whatever an id is made of, and no word
   * that ends in a digit is stemmed.
   */
  scope(row: string): string {
    const { user, namespace } = this.described;
    if (user === undefined) return `''`;
    const token = `'u' || hex(${row}.${quoteName(user)})`;
    if (namespace === undefined) return `${token} || '0'`;
    return `${token} || '0 ' || ${token} || 'n' || hex(${row}.${quoteName(namespace)}) || '0'`;
  }
}

/** The token that {@link Layout.scope} gave the rows of a user, or of one namespace of theirs. */
export function scopeToken(userId: UserId, namespace: string | null = null): string {
  const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex');
  const user = hex(String(userId));
  return namespace === null ? `u${user}0` : `u${user}n${hex(namespace)}0`;
}

/** A user's id as it is bound: better-sqlite3 binds a number as a float, which a column of text would show. */
export function boundUser(userId: UserId | null): string | bigint | null {
  return typeof userId === 'number' ? BigInt(userId) : userId;
}

/**
 * The first finds rows by an index on the column; the second leaves out what is the same to a collation like NOCASE, or
 * as a number ('05' and 5), but not the same scope.
 */
function exactly(column: string, value: string): string {
  const name = `m.${quoteName(column)}`;
  return `${name} = ${value} AND CAST(${name} AS TEXT) = ${value} COLLATE BINARY`;
}

function expiredSql(expiresAt: SqliteTable['expiresAt']): string {
  if (expiresAt === undefined) return NO;
  const { column, unit } = typeof expiresAt === 'string' ? { column: expiresAt, unit: 'ms' } : expiresAt;
  const name = `m.${quoteName(column)}`;
  if (unit === 'ms') return `${name} <= :now`;
  if (unit === 's') return `${name} <= :now / 1000.0`;
  return `julianday(${name}) <= julianday(:now / 1000.0, 'unixepoch')`;
}
