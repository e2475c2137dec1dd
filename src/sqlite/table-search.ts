import { type Embedder, embedQuery } from '../embedders/embedder.js';
import type { ScoredRow } from './best-rows.js';
import { currentIndex, tokenizerOf } from './fts-index.js';
import { ftsQuery } from './fts-query.js';
import { textColumns } from './layout.js';
import { NotEmbedded, embedderInUse, modelInUse } from './models.js';
import type { OpenTable } from './open-table.js';
import { type ListPlace, fuse } from './rank-fusion.js';
import { ReaderPool } from './reader-pool.js';
import type { FoundBy, SearchPlan, SearchScope } from './search-options.js';
import type { Snippet } from './snippet-text.js';
import { Snippets } from './snippets.js';
import type { TableReader } from './table-reader.js';

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
  readonly #readers: ReaderPool;
  #snippets: { readonly tokenizer: string; readonly maker: Snippets } | null = null;

  /** @param embedders for the vectors of queries; the one whose model is in use is taken */
  constructor(open: OpenTable, embedders: readonly Embedder[]) {
    this.#open = open;
    this.#embedders = embedders;
    this.#readers = new ReaderPool(open);
  }

  /**
   * The best hits, best first. The query is plain text, nothing in it is syntax.
   *
   * @throws ModelNotAtHand, NotEmbedded, IndexNotBuilt
   */
  async search(query: string, scope: SearchScope, plan: SearchPlan): Promise<TableHit[]> {
    for (;;) {
      const vector = plan.mode === 'text' ? null : await this.#embed(query, scope);
      const hits = await this.#readers.snapshot((reader) => {
        // Embedding takes a moment, in which another model may have come into use.
        if (vector !== null && embedderInUse(reader, scope.userId, this.#embedders).name !== vector.model) return null;
        if (plan.mode === 'vector' && modelInUse(reader, scope.userId) === null && !reader.isEmpty()) {
          throw new NotEmbedded(reader.layout.described.table);
        }
        return this.#find(reader, query, vector, scope, plan);
      });
      if (hits !== null) return hits;
    }
  }

  close(): void {
    this.#readers.close();
    this.#snippets?.maker.close();
  }

  async #embed(query: string, scope: SearchScope): Promise<QueryVector> {
    const embedder = embedderInUse(this.#open, scope.userId, this.#embedders);
    return { model: embedder.name, vector: await embedQuery(embedder, query) };
  }

  async #find(
    reader: TableReader,
    query: string,
    vector: QueryVector | null,
    scope: SearchScope,
    plan: SearchPlan,
  ): Promise<TableHit[]> {
    const words = ftsQuery(query);
    const found = await ranked(reader, words, vector, scope, plan);
    const snippets = plan.snippetWords === null ? null : this.#snippetsOf(reader, words, found, plan.snippetWords);
    return found.map(({ id, score, lists }) => {
      const row = reader.row(id);
      const snippet = snippets?.get(id);
      return snippet === undefined ? { row, score, lists } : { row, score, lists, snippet };
    });
  }

  #snippetsOf(
    reader: TableReader,
    words: string | null,
    found: readonly Found[],
    length: number,
  ): Map<bigint, Snippet> {
    const tokenizer = reader.text === null ? 'porter' : tokenizerOf(reader, currentIndex(reader));
    if (this.#snippets?.tokenizer !== tokenizer) {
      this.#snippets?.maker.close();
      this.#snippets = { tokenizer, maker: new Snippets(tokenizer, textColumns(reader.layout.width)) };
    }
    const rows = found.map(({ id }) => ({ id, texts: reader.texts(id) }));
    return this.#snippets.maker.of(words, rows, length);
  }
}

async function ranked(
  { text, vectors }: TableReader,
  words: string | null,
  vector: QueryVector | null,
  scope: SearchScope,
  { mode, limit, weights }: SearchPlan,
): Promise<Found[]> {
  const depth = mode === 'hybrid' ? Math.max(limit, HYBRID_DEPTH) : limit;
  const byText = words === null || mode === 'vector' ? [] : (text?.find(words, scope, depth) ?? []);
  if (mode === 'text') return byText.map(inList('text'));
  const byVector = vector === null ? [] : ((await vectors?.find(vector.vector, vector.model, scope, depth)) ?? []);
  if (mode === 'vector') return byVector.map(inList('vector'));
  const fused = fuse([
    { hits: byText, weight: weights.text },
    { hits: byVector, weight: weights.vector },
  ]);
  return fused.slice(0, limit).map(({ id, score, places: [inText, inVectors] }) => ({
    id,
    score,
    lists: { ...listed('text', inText), ...listed('vector', inVectors) },
  }));
}

function listed(name: 'text' | 'vector', place: ListPlace | null | undefined): Found['lists'] {
  return place === null || place === undefined ? {} : { [name]: place };
}

function inList(mode: 'text' | 'vector'): (row: ScoredRow, at: number) => Found {
  return ({ id, score }, at) => ({ id, score, lists: { [mode]: { rank: at + 1, score } } });
}
