import type { Database, Statement } from 'better-sqlite3';
import { BestRows } from './best-rows.js';
import { MEMORY_COLUMNS, type MemoryRow, NOT_EXPIRED } from './memory.js';
import { type Search, type SearchHit, hitOf } from './search.js';
import { vectorOf } from './vector-blob.js';

/** Cosine search: compares with each vector of the user, one row in memory at a time. */
export class VectorSearch {
  readonly #scan: Statement;
  readonly #read: Statement;
  readonly #inSnapshot: (query: Float32Array, model: string, search: Search) => SearchHit[];

  constructor(db: Database) {
    // By user in the order of ids, which is how both tables lie on disk.
    this.#scan = db
      .prepare(
        `SELECT v.memory_id, v.vector
         FROM memories m INDEXED BY memories_by_user CROSS JOIN vectors v ON v.memory_id = m.id AND v.model = :model
         WHERE m.user_id = :userId AND (:namespace IS NULL OR m.namespace = :namespace) AND ${NOT_EXPIRED}
         ORDER BY m.id`,
      )
      .raw();
    this.#read = db.prepare(`SELECT ${MEMORY_COLUMNS} FROM memories m WHERE m.id = ?`);
    // One read transaction, so that a hit is not deleted between being found and being read.
    this.#inSnapshot = db.transaction((query: Float32Array, model: string, search: Search) => {
      const best = this.#best(query, model, search);
      return best.map(({ id, score }) => hitOf(this.#read.get(id) as MemoryRow, score));
    });
  }

  /** The best hits, best first. `query` is an L2-normalised vector of `model`; all zero, it is like nothing. */
  search(query: Float32Array, model: string, search: Search): SearchHit[] {
    if (query.every((number) => number === 0)) return [];
    return this.#inSnapshot(query, model, search);
  }

  #best(
    query: Float32Array,
    model: string,
    { userId, namespace, now, limit }: Search,
  ): { id: number; score: number }[] {
    const best = new BestRows(limit);
    for (const row of this.#scan.iterate({ model, userId, namespace, now })) {
      const [id, blob] = row as [number, Buffer];
      best.offer(id, dot(query, vectorOf(blob)));
    }
    return best.sorted();
  }
}

// Four sums, because additions into one wait for each other. Of L2-normalised vectors it is the cosine.
function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length)
    throw new RangeError(`Expected a stored vector of ${a.length} dimensions, got ${b.length}`);
  const length = a.length;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let at = 0;
  for (; at + 3 < length; at += 4) {
    s0 += (a[at] as number) * (b[at] as number);
    s1 += (a[at + 1] as number) * (b[at + 1] as number);
    s2 += (a[at + 2] as number) * (b[at + 2] as number);
    s3 += (a[at + 3] as number) * (b[at + 3] as number);
  }
  for (; at < length; at++) s0 += (a[at] as number) * (b[at] as number);
  return s0 + s1 + s2 + s3;
}
