import type { Statement } from 'better-sqlite3';
import { type Embedder, embedQuery } from '../embedders/embedder.js';
import type { ScoredRow } from './best-rows.js';
import { currentIndex, tokenizerOf } from './fts-index.js';
import { ftsQuery } from './fts-query.js';
import { textColumns } from './layout.js';
import { embedderInUse } from './models.js';
import type { OpenTable } from './open-table.js';
import { type ListPlace, fuse } from './rank-fusion.js';
import type { FoundBy, SearchPlan, SearchScope } from './search-options.js';
import type { Snippet } from './snippet-text.js';
import { Snippets } from './snippets.js';
import { TextSearch } from './text-search.js';
import { VectorSearch } from './vector-search.js';

/** A row that was found. */
export interface TableHit extends FoundBy {
  /** Its columns, by name. An integer that a number does not hold exactly is a bigint. */
  readonly row: Readonly<Record<string, unknown>>;
}

interface Found {
  readonly id: bigint;
  readonly score: number;
  readonly lists: { text?: ListPlace; vector?: ListPlace };
}

interface QueryVector {
  readonly model: string;
  readonly vector: Float32Array;
}

// How far down each list a hybrid search looks, at least.
const HYBRID_DEPTH = 100;

/** Searches a table by words, by vectors, or both. */
export class TableSearch {
  readonly #open: OpenTable;
  readonly #embedders: readonly Embedder[];
  readonly #text: TextSearch | null;
  readonly #vectors: VectorSearch | null;
  readonly #read: Statement;
  readonly #texts: Statement | null;
  readonly #snapshot: <T>(work: () => T) => T;
  #snippets: { readonly tokenizer: string; readonly maker: Snippets } | null = null;

  /** @param embedders for the vectors of queries; the one whose model is in use is taken */
  constructor(open: OpenTable, embedders: readonly Embedder[]) {
    this.#open = open;
    this.#embedders = embedders;
    const { db, layout } = open;
    const { fts, vectors } = layout.described;
    this.#text = fts === undefined ? null : new TextSearch(open);
    this.#vectors = vectors === undefined ? null : new VectorSearch(open);
    const byNumber = `FROM ${layout.fromByNumber()} WHERE ${layout.number} = ?`;
    this.#read = db.prepare(`SELECT ${layout.hitColumns} ${byNumber}`).safeIntegers();
    this.#texts = layout.width === 0 ? null : db.prepare(`SELECT ${layout.texts('m').join(', ')} ${byNumber}`).raw();
    // One read transaction, so that an index is not swapped out between looking which one answers and asking it, and no
    // hit is deleted between being found and being read.
    this.#snapshot = db.transaction((work: () => unknown) => work()) as <T>(work: () => T) => T;
  }

  /**
   * The best hits, best first. The query is plain text, nothing in it is syntax.
   *
   * @throws ModelNotAtHand, IndexNotBuilt
   */
  async search(query: string, scope: SearchScope, plan: SearchPlan): Promise<TableHit[]> {
    for (;;) {
      const vector = plan.mode === 'text' ? null : await this.#embed(query, scope);
      const hits = this.#snapshot(() => {
        // Embedding takes a moment, in which another model may have come into use.
        if (vector !== null && this.#embedder(scope).name !== vector.model) return null;
        return this.#find(query, vector, scope, plan);
      });
      if (hits !== null) return hits;
    }
  }

  close(): void {
    this.#snippets?.maker.close();
  }

  #embedder(scope: SearchScope): Embedder {
    return embedderInUse(this.#open, scope.userId, this.#embedders);
  }

  async #embed(query: string, scope: SearchScope): Promise<QueryVector> {
    const embedder = this.#embedder(scope);
    return { model: embedder.name, vector: await embedQuery(embedder, query) };
  }

  #find(query: string, vector: QueryVector | null, scope: SearchScope, plan: SearchPlan): TableHit[] {
    const words = ftsQuery(query);
    const found = this.#ranked(words, vector, scope, plan);
    const snippets = plan.snippetWords === null ? null : this.#snippetsOf(words, found, plan.snippetWords);
    return found.map(({ id, score, lists }) => {
      const row = withNumbers(this.#read.get(id) as Record<string, unknown>);
      const snippet = snippets?.get(id);
      return snippet === undefined ? { row, score, lists } : { row, score, lists, snippet };
    });
  }

  #ranked(words: string | null, vector: QueryVector | null, scope: SearchScope, plan: SearchPlan): Found[] {
    const { mode, limit, weights } = plan;
    const depth = mode === 'hybrid' ? Math.max(limit, HYBRID_DEPTH) : limit;
    const byText = (): ScoredRow[] => (words === null ? [] : (this.#text?.find(words, scope, depth) ?? []));
    const byVector = (): ScoredRow[] =>
      vector === null ? [] : (this.#vectors?.find(vector.vector, vector.model, scope, depth) ?? []);
    if (mode !== 'hybrid') return (mode === 'text' ? byText() : byVector()).map(inList(mode));
    const fused = fuse([
      { hits: byText(), weight: weights.text },
      { hits: byVector(), weight: weights.vector },
    ]);
    return fused.slice(0, limit).map(({ id, score, places: [text, near] }) => ({
      id,
      score,
      lists: {
        ...(text === null || text === undefined ? {} : { text }),
        ...(near === null || near === undefined ? {} : { vector: near }),
      },
    }));
  }

  #snippetsOf(words: string | null, found: readonly Found[], length: number): Map<bigint, Snippet> {
    const { width } = this.#open.layout;
    const tokenizer = this.#text === null ? 'porter' : tokenizerOf(this.#open, currentIndex(this.#open));
    if (this.#snippets?.tokenizer !== tokenizer) {
      this.#snippets?.maker.close();
      this.#snippets = { tokenizer, maker: new Snippets(tokenizer, textColumns(width)) };
    }
    const rows = found.map(({ id }) => ({ id, texts: ((this.#texts?.get(id) ?? []) as Stored[]).map(textOf) }));
    return this.#snippets.maker.of(words, rows, length);
  }
}

/** Makes numbers of the bigints that are safe integers. */
function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value !== 'bigint') continue;
    const number = Number(value);
    if (Number.isSafeInteger(number)) row[column] = number;
  }
  return row;
}

function inList(mode: 'text' | 'vector'): (row: ScoredRow, at: number) => Found {
  return ({ id, score }, at) => ({ id, score, lists: { [mode]: { rank: at + 1, score } } });
}

type Stored = string | number | Buffer | null;

function textOf(value: Stored): string | null {
  if (value === null || typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
