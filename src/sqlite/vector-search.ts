import { setImmediate as nextTurn } from 'node:timers/promises';
import { BestRows, type ScoredRow } from './best-rows.js';
import { boundUser } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { SearchScope } from './search-options.js';
import { Statements } from './statements.js';
import { vectorOf } from './vector-blob.js';

// So many are read at a time: about 1 ms.
const BATCH_ROWS = 256n;
// After so long the thread is given to others for a turn of the event loop.
const TURN_MS = 4;

const LOWEST = -(2n ** 63n);

/** Cosine search: compares with each vector in scope. Call it in a read transaction, which lasts until it is done. */
export class VectorSearch {
  readonly #scan: Statements;

  constructor({ db, layout }: OpenTable) {
    // In the order of numbers, which is how both tables lie on disk.
    this.#scan = new Statements(layout, (within) =>
      db
        .prepare(
          `SELECT v.row_id, v.vector
           FROM ${layout.from} CROSS JOIN ${layout.vectors} v ON v.row_id = ${layout.number} AND v.model = :model
           WHERE ${within} AND ${layout.notExpired} AND ${layout.number} > :after
           ORDER BY ${layout.number} LIMIT ${BATCH_ROWS}`,
        )
        .raw()
        .safeIntegers(),
    );
  }

  /**
   * The best rows, best first. `query` is an L2-normalised vector of `model`; all zero, it is like nothing. Other work
   * gets its turn every few milliseconds.
   */
  async find(
    query: Float32Array,
    model: string,
    { userId, namespace, now }: SearchScope,
    limit: number,
  ): Promise<ScoredRow[]> {
    if (query.every((number) => number === 0)) return [];
    const best = new BestRows(limit);
    const scan = this.#scan.for(userId, namespace);
    const bound = { model, userId: boundUser(userId), namespace, now };
    let after = LOWEST;
    let turnAt = performance.now();
    for (;;) {
      const rows = scan.all({ ...bound, after }) as [bigint, Buffer][];
      for (const [id, blob] of rows) best.offer(id, dot(query, vectorOf(blob)));
      const last = rows.at(-1);
      if (last === undefined || rows.length < BATCH_ROWS) return best.sorted();
      [after] = last;
      if (performance.now() - turnAt < TURN_MS) continue;
      await nextTurn();
      turnAt = performance.now();
    }
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
