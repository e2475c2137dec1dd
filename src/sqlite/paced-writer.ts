import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';

const MIN_PAUSE_MS = 1;
const PAUSE_FACTOR = 2;

/**
 * Writes in many short transactions that leave room for other writers. SQLite has no queue: who finds the database
 * locked tries again after 1, 2, 5, 10, 15, 20, 25 … ms, and would rarely hit the moment between two transactions that
 * follow each other at once. So there is a pause after each; a longer one while others are seen to write.
 */
export class PacedWriter {
  readonly #db: Database;
  #dataVersion: unknown = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Runs `work` in a write transaction, then pauses. */
  async write<T>(work: () => T): Promise<T> {
    let lockedAt = 0;
    const result = this.#db
      .transaction(() => {
        lockedAt = performance.now();
        return work();
      })
      .immediate();
    const heldMs = performance.now() - lockedAt;
    await sleep(this.#othersWrite() ? Math.max(MIN_PAUSE_MS, PAUSE_FACTOR * heldMs) : MIN_PAUSE_MS);
    return result;
  }

  /** True when another connection has committed since the last call. */
  #othersWrite(): boolean {
    const before = this.#dataVersion;
    this.#dataVersion = this.#db.pragma('data_version', { simple: true });
    return before !== null && before !== this.#dataVersion;
  }
}
