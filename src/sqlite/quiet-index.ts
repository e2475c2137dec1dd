import { USUAL_MERGING, currentIndex, ftsCommand, mergeSegments } from './fts-index.js';
import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';

// What FTS5 is told inside our transactions: to leave merging alone, which otherwise rewrites the large segments again and
// again as ever more of their entries are removed. Nobody else sees it, and a crash undoes it.
const QUIET = { automerge: 0, crisismerge: 1_999, deletemerge: 0, usermerge: 8 };

// Pages that one transaction merges: about 4 ms.
const MERGE_PAGES = 64;
// While others write there is always something to merge: then they have to do the rest.
const MAX_MERGES = 1_000;

/**
 * Changes many entries of the index that answers in short transactions: without the merging that FTS5 would do by
 * itself, which is done in transactions of its own.
 */
export class QuietIndex {
  readonly #open: OpenTable;
  readonly #writer: PacedWriter;
  readonly #mayGoOn: () => void;

  /** @param mayGoOn called before each transaction; what it throws ends the work */
  constructor(open: OpenTable, mayGoOn: () => void) {
    this.#open = open;
    this.#writer = new PacedWriter(open.db);
    this.#mayGoOn = mayGoOn;
  }

  /** Runs `work` in a short transaction, with the table of the index, and merges what has piled up. */
  async write<T>(work: (table: string) => T): Promise<T> {
    this.#mayGoOn();
    let merging = false;
    const result = await this.#writer.write(() =>
      this.#quietly((table) => {
        const worked = work(table);
        merging = this.#merge(table);
        return worked;
      }),
    );
    // So that the small segments never get so many that another writer has to merge them all at once.
    while (merging) {
      this.#mayGoOn();
      merging = await this.#writer.write(() => this.#quietly((table) => this.#merge(table)));
    }
    return result;
  }

  /** Merges as FTS5 would by itself, step by step. */
  async tidyUp(): Promise<void> {
    for (let merges = 0; merges < MAX_MERGES; merges++) {
      this.#mayGoOn();
      if (!(await this.#writer.write(() => this.#merge(this.#table())))) break;
    }
  }

  #table(): string {
    return this.#open.layout.fts(currentIndex(this.#open));
  }

  #merge(table: string): boolean {
    return mergeSegments(this.#open.db, table, MERGE_PAGES);
  }

  #quietly<T>(work: (table: string) => T): T {
    const { db } = this.#open;
    const table = this.#table();
    for (const [name, value] of Object.entries(QUIET)) ftsCommand(db, table, name, value);
    const result = work(table);
    // The first of these also writes out what is pending, still without merging.
    for (const [name, value] of Object.entries(USUAL_MERGING)) ftsCommand(db, table, name, value);
    return result;
  }
}
