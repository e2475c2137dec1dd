import { TreadleError, onlyKeys, invalidArgument } from '../engine/errors.js';
import { foldName } from './identifier.js';

/** The form of a time in a column. */
export type TimeUnit = 'ms' | 's' | 'text';

/**
 * A table whose rows are indexed, embedded or swept, and the names of what is kept beside it. Names are taken as they
 * are: they are quoted wherever they stand in SQL.
 */
export interface SqliteTable {
  /** The table. It stays as it is, but gets triggers that keep the index and the vectors in step. */
  readonly table: string;
  /** The column that tells rows apart: the primary key, or unique and not null. Of any type; WITHOUT ROWID is fine. */
  readonly id: string;
  /** The columns of text. @default none; needed for `fts` and `vectors` */
  readonly content?: readonly string[] | undefined;
  /**
   * The column that says whose a row is, by a text or an integer; a column of real numbers is refused.
   *
   * @default none: all rows belong together
   */
  readonly user?: string | undefined;
  /** The column that keeps a user's rows apart. Only with `user`. @default none */
  readonly namespace?: string | undefined;
  /**
   * The column of the time from which a row is expired; null there for never. A name alone means epoch milliseconds;
   * `{ column, unit }` also takes epoch seconds (`'s'`) and what SQLite's date functions read (`'text'`, in UTC).
   *
   * @default none: rows don't expire
   */
  readonly expiresAt?: string | { readonly column: string; readonly unit: TimeUnit } | undefined;
  /** What the tables of the full-text index begin with: `name_a`, `name_b`, `name_state` … @default none: no index */
  readonly fts?: string | undefined;
  /** What the table of vectors is called; `name_models` and others stand beside it. @default none: no vectors */
  readonly vectors?: string | undefined;
}

/** The names of a {@link SqliteTable}'s properties. */
export const TABLE_KEYS: readonly (keyof SqliteTable)[] = [
  'table',
  'id',
  'content',
  'user',
  'namespace',
  'expiresAt',
  'fts',
  'vectors',
];

// SQLite's own tables, and two that all descriptions share.
const RESERVED = /^(sqlite_|treadle_tables$|treadle_tallies$)/;

/** @throws TreadleError INVALID_ARGUMENT */
export function checkTable(value: unknown): SqliteTable {
  if (typeof value !== 'object' || value === null) throw invalidArgument('options', 'an object', value);
  const given = value as { readonly [Key in keyof SqliteTable]?: unknown };
  const content = given.content ?? [];
  if (!Array.isArray(content)) throw invalidArgument('content', 'an array of column names', content);
  const table: SqliteTable = {
    table: nameOf('table', given.table),
    id: nameOf('id', given.id),
    content: content.map((column, at) => nameOf(`content[${at}]`, column)),
    user: optionalName('user', given.user),
    namespace: optionalName('namespace', given.namespace),
    expiresAt: expiryOf(given.expiresAt),
    fts: optionalName('fts', given.fts),
    vectors: optionalName('vectors', given.vectors),
  };
  checkTogether(table);
  return table;
}

function checkTogether({ content = [], user, namespace, expiresAt, fts, vectors, table }: SqliteTable): void {
  const refuse = (text: string): never => {
    throw new TreadleError('INVALID_ARGUMENT', text);
  };
  if (fts === undefined && vectors === undefined && expiresAt === undefined) {
    refuse('Expected at least one of `fts`, `vectors` and `expiresAt`: without them there is nothing to do');
  }
  if ((fts !== undefined || vectors !== undefined) && content.length === 0) {
    refuse('Expected `content` to name at least one column, because there is `fts` or `vectors`');
  }
  if (new Set(content.map(foldName)).size < content.length)
    refuse(`Expected \`content\` to name each column once, got ${content.join(', ')}`);
  if (namespace !== undefined && user === undefined) refuse('Expected `namespace` only together with `user`');
  const names = [table, fts, vectors].filter((name) => name !== undefined).map(foldName);
  const reserved = names.find((name) => RESERVED.test(name));
  if (reserved !== undefined) {
    refuse(`Expected \`table\`, \`fts\` and \`vectors\` to be names that are not reserved, got ${reserved}`);
  }
  if (new Set(names).size < names.length) {
    refuse(`Expected \`table\`, \`fts\` and \`vectors\` to be different names, got ${names.join(', ')}`);
  }
}

function expiryOf(value: unknown): SqliteTable['expiresAt'] {
  if (value === undefined || typeof value === 'string') return optionalName('expiresAt', value);
  const { column, unit } = (value ?? {}) as { column?: unknown; unit?: unknown };
  if (unit !== 'ms' && unit !== 's' && unit !== 'text') {
    throw invalidArgument('expiresAt', "a column name or { column, unit: 'ms', 's' or 'text' }", value);
  }
  onlyKeys('expiresAt', value, ['column', 'unit']);
  return { column: nameOf('expiresAt.column', column), unit };
}

function optionalName(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : nameOf(name, value);
}

function nameOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalidArgument(name, 'a name, a string that is not empty', value);
}
