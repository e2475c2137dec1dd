import Database from 'better-sqlite3';
import { BUSY_TIMEOUT_MS } from './connection.js';
import type { IndexName, Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';
import { writeSegmentList, writeTotals } from './segment-list.js';

// Rows with these ids in the `_data` table hold the averages and the list of segments: the index is what they name.
// https://sqlite.org/fts5.html#the_data_table
const HEAD = '(1, 10)';

const BLANK_TOTALS = writeTotals([]);
const BLANK_LIST = writeSegmentList({ cookie: 0, written: 0, levels: [] });

// Pages of an index that one step removes (about 5 ms), and so few that the last one may free all at once (15 ms).
const REMOVED_PAGES = 2_000;
const EMPTIED_PAGES = 8_000;

const STOPPED = Symbol('stopped');

/** Asked at the beginning of each step, under the write lock: throws or says false where there is nothing more to do. */
export type StepCheck = (open: OpenTable) => boolean;

/**
 * Opens a database to write to the tables that FTS5 keeps its indexes in. The FTS5 tables themselves are never to be used on
 * this connection: FTS5 would go on with what it remembers of them. On other connections it notices that the file has
 * changed.
 */
export function openShadows(path: string): Database.Database {
  const db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  db.pragma('synchronous = NORMAL');
  // Otherwise SQLite refuses all writes to the tables behind an FTS5 table.
  db.unsafeMode(true);
  return db;
}

/** Empties an FTS5 index by the tables that FTS5 keeps it in, holding the write lock for a few milliseconds at a time. */
export class ShadowTables {
  readonly #db: Database.Database;
  readonly #layout: Layout;
  readonly #writer: PacedWriter;

  /** @param open on a connection of {@link openShadows} */
  constructor({ db, layout }: OpenTable) {
    this.#db = db;
    this.#layout = layout;
    this.#writer = new PacedWriter(db);
  }

  /** Empties an index that does not answer. It counts as empty from the first step on. */
  async wipe(index: IndexName, mayGoOn: StepCheck): Promise<void> {
    const data = this.#layout.fts(index, 'data');
    const pages = `SELECT id FROM ${data} WHERE id NOT IN ${HEAD}`;
    const leftOver = `SELECT EXISTS (${pages}) OR EXISTS (SELECT 1 FROM ${this.#layout.fts(index, 'docsize')})`;
    if (this.#db.prepare(leftOver).pluck().get() === 0) return;
    // Without a condition, which would take longer than removing them.
    let left = this.#db.prepare(`SELECT count(*) FROM ${data}`).pluck().get() as number;
    const remove = this.#db.prepare(`DELETE FROM ${data} WHERE id NOT IN ${HEAD} LIMIT ${REMOVED_PAGES}`);
    for (; left > EMPTIED_PAGES; left -= REMOVED_PAGES) {
      const removed = await this.#step(mayGoOn, () => {
        this.#setHead(index);
        remove.run();
      });
      if (removed === STOPPED) return;
    }
    // Without a condition SQLite frees whole pages, whatever is on them.
    await this.#step(mayGoOn, () => {
      for (const part of ['data', 'idx', 'docsize']) this.#db.exec(`DELETE FROM ${this.#layout.fts(index, part)}`);
      this.#setHead(index);
    });
  }

  #setHead(index: IndexName): void {
    const set = this.#db.prepare(`REPLACE INTO ${this.#layout.fts(index, 'data')} (id, block) VALUES (?, ?)`);
    set.run(1, BLANK_TOTALS);
    set.run(10, BLANK_LIST);
  }

  #step<T>(mayGoOn: StepCheck, work: () => T): Promise<T | typeof STOPPED> {
    return this.#writer.write(() => (mayGoOn({ db: this.#db, layout: this.#layout }) ? work() : STOPPED));
  }
}
