import { resolve } from 'node:path';
import { type Embedder, checkEmbedders } from '../embedders/embedder.js';
import { onlyKeys, invalidArgument } from '../engine/errors.js';
import type { UserId } from './layout.js';
import type { OpenTable } from './open-table.js';
import { openForSearch } from './own-table.js';
import { PLAN_KEYS, type SearchModeOptions, checkQuery, checkSearchPlan } from './search-options.js';
import { type SqliteTable, TABLE_KEYS, checkTable } from './sqlite-table.js';
import { type TableHit, TableSearch } from './table-search.js';

/** Which table to search. */
export interface SqliteSearchOptions extends SqliteTable {
  /** The database file. It must be there. */
  path: string;
  /**
   * Makes vectors of queries. Of several, the one whose model is in use is taken. @default none: text search only
   */
  embedder?: Embedder | readonly Embedder[];
}

/** Where and how to search. */
export interface SqliteQueryOptions extends SearchModeOptions {
  /**
   * Only this user's rows: exactly this name, whatever the collation of the column. A number and a string of the same
   * digits are the same user where the column's type is of texts or numbers; in a column without a type, or of BLOBs,
   * 5 and '5' are two users for searches, but per-user tasks take them for one: don't use both there.
   *
   * @default all rows
   */
  userId?: UserId;
  /** Only this namespace of the user's, exactly. @default all of the user's */
  namespace?: string;
}

const QUERY_KEYS = ['userId', 'namespace', ...PLAN_KEYS];

/** Search in a table of your own, by the index and the vectors that `sqliteTasks` keeps for the same description. */
export class SqliteSearch {
  readonly #open: OpenTable;
  readonly #described: SqliteTable;
  readonly #search: TableSearch;
  readonly #hasEmbedder: boolean;

  /** @internal Use {@link openSearch}. More may be kept beside the table than is `described`. */
  constructor(open: OpenTable, described: SqliteTable, embedders: readonly Embedder[]) {
    this.#open = open;
    this.#described = described;
    this.#search = new TableSearch(open, embedders);
    this.#hasEmbedder = embedders.length > 0;
  }

  /**
   * The rows that fit the query best, best first; expired ones are not found. The query is plain text, nothing in it is
   * syntax.
   *
   * @throws TreadleError INVALID_ARGUMENT; Error INDEX_NOT_BUILT before the first `rebuild_fts_index` over a table that
   *   had rows; Error MODEL_NOT_AT_HAND when the vectors in use are of another model than the embedders given.
   */
  async search(query: string, options: SqliteQueryOptions = {}): Promise<TableHit[]> {
    const text = checkQuery(query);
    const plan = checkSearchPlan(options);
    const { table, user, namespace: column, fts, vectors } = this.#described;
    onlyKeys('options', options, QUERY_KEYS);
    const { userId = null, namespace = null } = options;
    if (plan.mode !== 'vector' && fts === undefined) throw without('mode', 'fts', table, plan.mode);
    if (plan.mode !== 'text' && vectors === undefined) throw without('mode', 'vectors', table, plan.mode);
    if (plan.mode !== 'text' && !this.#hasEmbedder) {
      throw invalidArgument('mode', "'text' in a search opened without an `embedder`", plan.mode);
    }
    if (userId !== null && user === undefined) throw without('userId', 'user', table, userId);
    if (Object.hasOwn(options, 'userId') && typeof options.userId !== 'string' && !Number.isSafeInteger(userId)) {
      // Nor null or undefined: whoever has no user to name would search everybody's rows.
      throw invalidArgument('userId', 'a string or an integer, or left out', options.userId);
    }
    if (namespace !== null && (column === undefined || userId === null)) {
      throw invalidArgument('namespace', 'none without `userId` and a table described with `namespace`', namespace);
    }
    if (options.namespace !== undefined && typeof namespace !== 'string') {
      throw invalidArgument('namespace', 'a string', namespace);
    }
    return this.#search.search(text, { userId, namespace, now: Date.now() }, plan);
  }

  /** Closes the database. What is called afterwards throws. */
  close(): void {
    this.#search.close();
    this.#open.db.close();
  }
}

/**
 * Opens a table for searching. What is kept beside it is made where there is nothing yet, but never made anew: only a task
 * does that. The description may do without `user`, `namespace`, `fts` or `vectors` although the tasks have them.
 *
 * @throws TreadleError INVALID_ARGUMENT; Error when the file or the table is not there, or does not have the columns, and
 *   when what is kept was made for another description or went with a table that was made anew.
 */
export function openSearch(options: SqliteSearchOptions): SqliteSearch {
  const table = checkTable(options);
  onlyKeys('options', options, [...TABLE_KEYS, 'path', 'embedder']);
  const { path, embedder } = options;
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalidArgument('path', 'the path of a database file', path);
  }
  const embedders = checkEmbedders('embedder', embedder);
  return new SqliteSearch(openForSearch(resolve(path), table), table, embedders);
}

function without(name: string, property: string, table: string, value: unknown): Error {
  return invalidArgument(name, `something else for "${table}", which is described without \`${property}\``, value);
}
