import type { Database } from 'better-sqlite3';
import { createIndex } from './fts-index.js';
import type { IndexName, Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';
import type { RowWindow } from './row-windows.js';
import {
  type SegmentList,
  lastOrigin,
  lastSegment,
  readSegmentList,
  readTotals,
  segmentsOf,
  withSegments,
  writeSegmentList,
  writeTotals,
} from './segment-list.js';

const FRESH = 'fresh.entries';
// Pages of 4 kB that one transaction adds: about 20 ms.
const ADDED_PAGES = 1_000;
// The id of a page is that of its segment, above so many bits that tell the pages of a segment apart.
const PAGE_BITS = 37n;
const TOTALS_ID = 1;
const LIST_ID = 10;

/**
 * The level that new segments come to. Single writes come to level 0, and where 16 have come to a level before FTS5 has
 * merged them in passing, all of that level are merged within somebody's write. So large segments must stand where few
 * others come to: here, one in 16 × 16 × 16 writes.
 */
const LEVEL = 3;

/** What came of adding segments to an index. */
export interface Added {
  /** All segments that the index has then. */
  readonly list: SegmentList;
  /** How many pages the new ones have. */
  readonly pages: number;
}

/**
 * Indexes rows of a table beside its database, and adds what comes of it to an index that does not answer. Indexing takes
 * nearly all the time of a rebuild, and here it takes no lock on the database: it is done in a temporary index, whose
 * pages are then added to the other one as they are, as a segment of its own. That locks the database for some
 * milliseconds.
 */
export class RowIndexer {
  readonly #db: Database;
  readonly #layout: Layout;

  /** @param open on a connection of `openShadows`, which can have one indexer at a time */
  constructor({ db, layout }: OpenTable, tokenizer: string) {
    this.#db = db;
    this.#layout = layout;
    // A temporary file, of which only what is not in the cache is ever on disk. Nothing in it is ever taken back.
    this.#db.exec(`ATTACH '' AS fresh`);
    this.#db.pragma('fresh.cache_size = -32768');
    this.#db.pragma('fresh.journal_mode = OFF');
    createIndex(this.#db, FRESH, layout.width, tokenizer);
    // Large texts may make several segments; they are added as they are.
    for (const [name, value] of Object.entries({ automerge: 0, crisismerge: 1_999, hashsize: 16 << 20 })) {
      this.#db.exec(`INSERT INTO ${FRESH} (entries, rank) VALUES ('${name}', ${value})`);
    }
  }

  /**
   * Indexes the rows of windows that an index does not have yet, and returns how many those are. Call it once.
   *
   * @param onWindow called before each window, with its place; what it throws ends the work
   */
  index(windows: readonly RowWindow[], index: IndexName, onWindow: (at: number) => void): number {
    const { number, entry, entryColumns } = this.#layout;
    this.#db.function('on_window', { directOnly: true }, (at) => {
      onWindow(Number(at));
      return 1;
    });
    // One statement for all, because FTS5 makes a segment of each.
    const bounds = windows.map((_, at) => `(${at}, ?, ?)`).join(', ');
    return this.#db
      .prepare(
        `INSERT INTO ${FRESH} (${entryColumns})
         SELECT ${entry} FROM (VALUES ${bounds}) w CROSS JOIN ${this.#layout.fromByNumber()}
         WHERE on_window(w.column1) AND ${number} > w.column2 AND ${number} <= w.column3
           AND NOT EXISTS (SELECT 1 FROM main.${this.#layout.fts(index, 'docsize')} d WHERE d.id = ${number})`,
      )
      .run(windows.flatMap(({ after, upTo }) => [after, upTo])).changes;
  }

  /**
   * Adds what was indexed to an index that does not answer: as far as that one tells, all at once.
   *
   * @param check called at the beginning of each transaction, under the write lock; what it throws ends the work
   */
  async addTo(index: IndexName, check: (open: OpenTable) => void): Promise<Added> {
    const writer = new PacedWriter(this.#db);
    const stepEnd = this.#db
      .prepare(`SELECT id FROM fresh.entries_data WHERE id > ? ORDER BY id LIMIT 1 OFFSET ${ADDED_PAGES - 1}`)
      .pluck()
      .safeIntegers();
    let after = BigInt(LIST_ID);
    const addPages = (upTo: bigint): void => {
      check({ db: this.#db, layout: this.#layout });
      if (after === BigInt(LIST_ID)) this.#removeLeftOver(index);
      this.#addPages(index, after, upTo);
    };
    for (;;) {
      const upTo = stepEnd.get(after) as bigint | undefined;
      if (upTo === undefined) break;
      await writer.write(() => addPages(upTo));
      after = upTo;
    }
    // Without a pause: what follows is indexing, which takes no lock.
    return this.#db
      .transaction(() => {
        addPages(HIGHEST);
        return this.#enlist(index);
      })
      .immediate();
  }

  /** Forgets what was indexed. The connection stays open. */
  close(): void {
    this.#db.exec('DETACH fresh');
  }

  /** What is not on the list of segments, because its thread died before. */
  #removeLeftOver(index: IndexName): void {
    const data = this.#table(index, 'data');
    const next = BigInt(lastSegment(this.#listOf(data)) + 1);
    this.#db.prepare(`DELETE FROM ${data} WHERE id >= ?`).run(next << PAGE_BITS);
  }

  #addPages(index: IndexName, after: bigint, upTo: bigint): void {
    const data = this.#table(index, 'data');
    const shift = BigInt(lastSegment(this.#listOf(data))) << PAGE_BITS;
    this.#db
      .prepare(`INSERT INTO ${data} SELECT id + ?, block FROM fresh.entries_data WHERE id > ? AND id <= ?`)
      .run(shift, after, upTo);
  }

  /** Puts the new segments, whose pages are there, on the list. */
  #enlist(index: IndexName): Added {
    const data = this.#table(index, 'data');
    const [list, fresh] = [this.#listOf(data), this.#listOf('fresh.entries_data')];
    const [id, origin] = [lastSegment(list), lastOrigin(list)];
    this.#db
      .prepare(`INSERT INTO ${this.#table(index, 'idx')} SELECT segid + ?, term, pgno FROM fresh.entries_idx`)
      .run(BigInt(id));
    this.#db
      .prepare(`INSERT INTO ${this.#table(index, 'docsize')} SELECT id, sz, origin + ? FROM fresh.entries_docsize`)
      .run(BigInt(origin));
    const longer = withSegments(list, LEVEL, segmentsOf(fresh));
    this.#put(data, LIST_ID, writeSegmentList(longer));
    const [totals, more] = [data, 'fresh.entries_data'].map((table) => readTotals(this.#block(table, TOTALS_ID)));
    this.#put(data, TOTALS_ID, writeTotals((more ?? []).map((total, at) => total + (totals?.[at] ?? 0))));
    const pages = segmentsOf(fresh).map(({ firstPage, lastPage }) => lastPage - firstPage + 1);
    return { list: longer, pages: pages.reduce((sum, count) => sum + count, 0) };
  }

  #table(index: IndexName, part: string): string {
    return `main.${this.#layout.fts(index, part)}`;
  }

  #listOf(data: string): SegmentList {
    return readSegmentList(this.#block(data, LIST_ID));
  }

  #block(data: string, id: number): Buffer {
    return this.#db.prepare(`SELECT block FROM ${data} WHERE id = ?`).pluck().get(id) as Buffer;
  }

  #put(data: string, id: number, block: Buffer): void {
    this.#db.prepare(`UPDATE ${data} SET block = ? WHERE id = ?`).run(block, id);
  }
}

const HIGHEST = 2n ** 63n - 1n;
