import type { Database, Statement } from 'better-sqlite3';
import { INDEXES, type IndexName, ftsTable, scopeToken } from './fts-index.js';
import { ftsQuery } from './fts-query.js';
import { MEMORY_COLUMNS, type MemoryRow, NOT_EXPIRED } from './memory.js';
import { type Search, type SearchHit, hitOf } from './search.js';

/** BM25 search through the index that answers at the moment. */
export class TextSearch {
  readonly #current: Statement;
  readonly #find: Readonly<Record<IndexName, Statement>>;
  readonly #inSnapshot: (query: string, search: Search) => unknown[];

  constructor(db: Database) {
    this.#current = db.prepare('SELECT current FROM fts_state').pluck();
    this.#find = Object.fromEntries(INDEXES.map((index) => [index, db.prepare(findIn(ftsTable(index)))])) as Record<
      IndexName,
      Statement
    >;
    // One read transaction, so that an index is not swapped out between looking which one answers and asking it.
    this.#inSnapshot = db.transaction((query: string, { userId, namespace, now, limit }: Search) => {
      const index = this.#current.get() as IndexName;
      return this.#find[index].all({ query, userId, namespace, now, limit });
    });
  }

  /** The best hits, best first. A text without a word finds nothing. */
  search(text: string, search: Search): SearchHit[] {
    const query = ftsQuery(text, scopeToken(search.userId, search.namespace ?? undefined));
    if (query === null) return [];
    const rows = this.#inSnapshot(query, search) as (MemoryRow & { rank: number })[];
    // SQLite's rank is negative, the better the lower.
    return rows.map((row) => hitOf(row, -row.rank));
  }
}

// FTS5 sorts by rank before it joins, so that only the best rows are read. `scope` finds the user's rows and has no
// weight in the rank. The user is checked once more on the row itself: an index must never be all that keeps users apart.
function findIn(table: string): string {
  return `SELECT ${MEMORY_COLUMNS}, f.rank
    FROM ${table} f CROSS JOIN memories m ON m.id = f.rowid
    WHERE f.${table} MATCH :query AND f.rank MATCH 'bm25(0.0, 1.0)'
      AND m.user_id = :userId AND (:namespace IS NULL OR m.namespace = :namespace) AND ${NOT_EXPIRED}
    ORDER BY f.rank LIMIT :limit`;
}
