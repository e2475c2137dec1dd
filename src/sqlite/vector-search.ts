import { LOWEST } from './row-windows.js';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Statement } from 'better-sqlite3';
import { BestRows, type ScoredRow } from './best-rows.js';
import { boundUser } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { SearchScope } from './search-options.js';
import { Statements } from './statements.js';
import { vectorOf } from './vector-blob.js';

// So many rows are looked at in a step, whether they have a vector or not: about 2 ms if all have.
const STEP_ROWS = 384n;
// After so long the thread is given to others for a turn of the event loop.
const TURN_MS = 4;

const HIGHEST = 2n ** 63n - 1n;

/** Cosine search: compares with each vector in scope. Call it in a read transaction, which lasts until it is done. */
export class VectorSearch {
  readonly #open: OpenTable;
  readonly #scan: Statements;
  readonly #steps = new Map<string, Statement>();

  constructor(open: OpenTable) {
    this.#open = open;
    const { db, layout } = open;
    // In the order of numbers, which is how both tables lie on disk.
    this.#scan = new Statements(layout, (within) =>
      db
        .prepare(
          `SELECT v.row_id, v.vector
           FROM ${layout.from} CROSS JOIN ${layout.vectors} v ON v.row_id = ${layout.number} AND v.model = :model
           WHERE ${within} AND ${layout.notExpired} AND ${layout.number} > :after AND ${layout.number} <= :upTo
           ORDER BY ${layout.number}`,
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
    const step = this.#stepOf(userId);
    const bound = { model, userId: boundUser(userId), namespace, now };
    let after = LOWEST;
    let turnAt = performance.now();
    for (;;) {
      const end = step.get({ userId: bound.userId, after }) as bigint | undefined;
      const upTo = end ?? HIGHEST;
      for (const row of scan.all({ ...bound, after, upTo })) {
        const [id, blob] = row as [bigint, Buffer];
        best.offer(id, dot(query, vectorOf(blob)));
      }
      if (end === undefined) return best.sorted();
      after = end;
      if (performance.now() - turnAt < TURN_MS) continue;
      await nextTurn();
      turnAt = performance.now();
    }
  }

  /** Where the next step ends: found by an index alone, so that a step is short however few of its rows qualify. */
  #stepOf(userId: SearchScope['userId']): Statement {
    const { db, layout } = this.#open;
    const run = layout.runOf(userId);
    let step = this.#steps.get(run);
    if (step === undefined) {
      step = db
        .prepare(
          `SELECT ${layout.number} FROM ${layout.from} WHERE ${run} AND ${layout.number} > :after
           ORDER BY ${layout.number} LIMIT 1 OFFSET ${STEP_ROWS - 1n}`,
        )
        .pluck()
        .safeIntegers();
      this.#steps.set(run, step);
    }
    return step;
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
