import pLimit from 'p-limit';
import type { OpenTable } from './open-table.js';
import { TableReader } from './table-reader.js';

// Searches take turns on one thread: more of them at once would end none of them earlier.
const MAX_READERS = 4;

/**
 * Connections for searches. A search that scans many vectors lets go of the thread in between, so each needs a connection
 * in a read transaction of its own. They are made when they are first needed, and kept.
 */
export class ReaderPool {
  readonly #open: OpenTable;
  readonly #idle: TableReader[] = [];
  readonly #limit = pLimit(MAX_READERS);
  #isClosed = false;

  /** @param open whose database and table are read */
  constructor(open: OpenTable) {
    this.#open = open;
  }

  /** Runs `work` in a read transaction. */
  snapshot<T>(work: (reader: TableReader) => T | Promise<T>): Promise<T> {
    return this.#limit(async () => {
      if (this.#isClosed) throw new TypeError('The database connection is not open');
      const reader = this.#idle.pop() ?? new TableReader(this.#open);
      let isSound = false;
      try {
        const result = await reader.snapshot(() => work(reader));
        isSound = true;
        return result;
      } finally {
        if (isSound && !this.#isClosed) this.#idle.push(reader);
        else reader.close();
      }
    });
  }

  /** Searches that have begun to read go on to their end; others are refused. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#idle.splice(0)) reader.close();
  }
}
