import type { Database } from 'better-sqlite3';

// A task that was killed with its process leaves its counts behind; no task runs for so long.
const KEPT_MS = 7 * 86_400_000;

/** Makes the table that {@link Tally} counts in, unless it is there. */
export function createTallies(db: Database): void {
  db.exec(
    `CREATE TABLE IF NOT EXISTS treadle_tallies (
      task TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, began_at INTEGER NOT NULL, PRIMARY KEY (task, name)
    ) STRICT, WITHOUT ROWID`,
  );
}

/**
 * Counts what a task did, in the same transactions that did it: a chunk that ran twice, because its thread died between
 * its commit and its answer, is counted once.
 */
export class Tally {
  readonly #db: Database;
  readonly #task: string;

  constructor(db: Database, task: string) {
    this.#db = db;
    this.#task = task;
  }

  /** Call it in the transaction that did what is counted. */
  add(name: string, count: number): void {
    if (count === 0) return;
    this.#db
      .prepare(
        `INSERT INTO treadle_tallies (task, name, count, began_at) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = count + excluded.count`,
      )
      .run(this.#task, name, count, Date.now());
  }

  total(name: string): number {
    const count = this.#db
      .prepare('SELECT count FROM treadle_tallies WHERE task = ? AND name = ?')
      .pluck()
      .get(this.#task, name) as number | undefined;
    return count ?? 0;
  }

  /** Forgets the counts, and those of tasks that ended long ago without a word. */
  end(): void {
    this.#db
      .prepare('DELETE FROM treadle_tallies WHERE task = ? OR began_at < ?')
      .run(this.#task, Date.now() - KEPT_MS);
  }
}
