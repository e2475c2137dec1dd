import type { Database, Statement } from 'better-sqlite3';
import type { ScoredRow } from './best-rows.js';
import { currentIndex } from './fts-index.js';
import { ftsMatch } from './fts-query.js';
import { INDEXES, type IndexName, type Layout, boundUser, scopeToken, textColumns } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { SearchScope } from './search-options.js';
import { Statements } from './statements.js';

/** Thrown by a search of a full-text index that was never built over the rows that were there before it. */
export class IndexNotBuilt extends Error {
  override readonly name = 'IndexNotBuilt';
  readonly code = 'INDEX_NOT_BUILT';

  constructor(table: string) {
    super(`The full-text index of "${table}" was never built: run rebuild_fts_index once`);
  }
}

/** BM25 search through the index that answers at the moment. Call it in a read transaction. */
export class TextSearch {
  readonly #open: OpenTable;
  readonly #complete: Statement;
  readonly #find: Readonly<Record<IndexName, Statements>>;

  constructor(open: OpenTable) {
    this.#open = open;
    const { db, layout } = open;
    this.#complete = db.prepare(`SELECT complete FROM ${layout.ftsState}`).pluck();
    this.#find = Object.fromEntries(INDEXES.map((index) => [index, statements(db, layout, index)])) as Record<
      IndexName,
      Statements
    >;
  }

  /** The best rows, best first, for a query that `ftsQuery` made. @throws IndexNotBuilt */
  find(query: string, { userId, namespace, now }: SearchScope, limit: number): ScoredRow[] {
    const { layout } = this.#open;
    if (this.#complete.get() === 0) throw new IndexNotBuilt(layout.described.table);
    const scope = userId === null ? null : scopeToken(userId, namespace);
    const match = ftsMatch(query, textColumns(layout.width), scope);
    const rows = this.#find[currentIndex(this.#open)]
      .for(userId, namespace)
      .all({ query: match, userId: boundUser(userId), namespace, now, limit: BigInt(limit) }) as [bigint, number][];
    // SQLite's rank is negative, the better the lower.
    return rows.map(([id, rank]) => ({ id, score: -rank }));
  }
}

// FTS5 sorts by rank before it joins, so that only the best rows are read. `scope` finds the user's rows and has no
// weight in the rank. The user is checked once more on the row itself: an index must never be all that keeps users apart.
function statements(db: Database, layout: Layout, index: IndexName): Statements {
  const table = layout.fts(index);
  const weights = ['0.0', ...textColumns(layout.width).map(() => '1.0')].join(', ');
  return new Statements(layout, (within) =>
    db
      .prepare(
        `SELECT f.rowid, f.rank FROM ${table} f CROSS JOIN ${layout.byNumber('f.rowid')}
         WHERE f.${table} MATCH :query AND f.rank MATCH 'bm25(${weights})' AND ${within} AND ${layout.notExpired}
         ORDER BY f.rank LIMIT :limit`,
      )
      .raw()
      .safeIntegers(),
  );
}
