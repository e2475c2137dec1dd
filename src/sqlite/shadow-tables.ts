import { LOWEST } from './row-windows.js';
import Database from 'better-sqlite3';
import { BUSY_TIMEOUT_MS } from './connection.js';
import { DEFAULT_TOKENIZER, createIndex } from './fts-index.js';
import { quoteName } from './identifier.js';
import type { IndexName, Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';
import { SIDE_TABLE } from './side-index.js';

// Rows with these ids in the `_data` table hold the averages and the list of segments: the index is what they name.
// https://sqlite.org/fts5.html#the_data_table
const HEAD = '(1, 10)';

// Rows that one step copies: about 5 ms.
const COPIED_ROWS = { data: 800, idx: 5_000, docsize: 20_000 } as const;
// Pages of an index that one step removes (about 5 ms), and so few that the last one may free all at once (15 ms).
const REMOVED_PAGES = 2_000;
const EMPTIED_PAGES = 8_000;
const KEYS = { data: ['id'], idx: ['segid', 'term'], docsize: ['id'] } as const;

const STOPPED = Symbol('stopped');

/** Asked at the beginning of each step, under the write lock: throws or says false where there is nothing more to do. */
export type StepCheck = (open: OpenTable) => boolean;

/**
 * Moves a whole FTS5 index into a database, or empties one, by the tables that FTS5 keeps it in, as the dump of the SQLite
 * shell does: bytes are copied and nothing is indexed, so the write lock is held for a few milliseconds at a time.
 *
 * It has a connection of its own on which its FTS5 tables are never used as such: FTS5 would go on with what it
 * remembers of a table. Other connections notice that the file has changed.
 */
export class ShadowTables {
  readonly #db: Database.Database;
  readonly #layout: Layout;
  readonly #writer: PacedWriter;

  constructor(path: string, layout: Layout) {
    this.#layout = layout;
    this.#db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    this.#db.pragma('synchronous = NORMAL');
    // Otherwise SQLite refuses all writes to the tables behind an FTS5 table.
    this.#db.unsafeMode(true);
    this.#writer = new PacedWriter(this.#db);
  }

  /** Empties an index that does not answer. It counts as empty from the first step on. */
  async wipe(index: IndexName, mayGoOn: StepCheck): Promise<void> {
    const data = this.#layout.fts(index, 'data');
    const pages = `SELECT id FROM ${data} WHERE id NOT IN ${HEAD}`;
    const leftOver = `SELECT EXISTS (${pages}) OR EXISTS (SELECT 1 FROM ${this.#layout.fts(index, 'docsize')})`;
    if (this.#db.prepare(leftOver).pluck().get() === 0) return;
    const blank = blankHead(this.#layout.width);
    const many = this.#db.prepare(`SELECT count(*) FROM (${pages} LIMIT ${EMPTIED_PAGES + 1})`).pluck();
    const remove = this.#db.prepare(`DELETE FROM ${data} WHERE id NOT IN ${HEAD} LIMIT ${REMOVED_PAGES}`);
    while ((many.get() as number) > EMPTIED_PAGES) {
      const removed = await this.#step(mayGoOn, () => {
        this.#setHead(index, blank);
        remove.run();
      });
      if (removed === STOPPED) return;
    }
    // Without a condition SQLite frees whole pages, whatever is on them.
    await this.#step(mayGoOn, () => {
      for (const part of ['data', 'idx', 'docsize']) this.#db.exec(`DELETE FROM ${this.#layout.fts(index, part)}`);
      this.#setHead(index, blank);
    });
  }

  /**
   * Copies the index of a side file into an index that is empty and does not answer.
   *
   * @param whenWhole called in the transaction of the last step, which makes the index whole
   */
  async copy(
    sidePath: string,
    index: IndexName,
    mayGoOn: StepCheck,
    whenWhole: (open: OpenTable) => void,
  ): Promise<void> {
    this.#db.prepare('ATTACH ? AS side').run(sidePath);
    try {
      for (const part of ['data', 'idx', 'docsize'] as const) {
        if ((await this.#copyTable(part, this.#layout.fts(index, part), mayGoOn)) === STOPPED) return;
      }
      // Last, so that the index stays empty until it is whole.
      const head = this.#db.prepare(`SELECT id, block FROM side.${SIDE_TABLE}_data WHERE id IN ${HEAD}`).all() as Head;
      await this.#step(mayGoOn, () => {
        this.#setHead(index, head);
        whenWhole({ db: this.#db, layout: this.#layout });
      });
    } finally {
      this.#db.exec('DETACH side');
    }
  }

  close(): void {
    this.#db.close();
  }

  async #copyTable(part: keyof typeof KEYS, table: string, mayGoOn: StepCheck): Promise<unknown> {
    const source = `side.${quoteName(`${SIDE_TABLE}_${part}`)}`;
    const key = KEYS[part].join(', ');
    const marks = KEYS[part].map(() => '?').join(', ');
    const wanted = part === 'data' ? `id NOT IN ${HEAD}` : 'TRUE';
    // Ids may be beyond what a number holds exactly.
    const lastOfStep = this.#db
      .prepare(
        `SELECT ${key} FROM ${source} WHERE (${key}) > (${marks}) ORDER BY ${key} LIMIT 1 OFFSET ${COPIED_ROWS[part] - 1}`,
      )
      .raw()
      .safeIntegers();
    const between = this.#db.prepare(
      `INSERT INTO main.${table} SELECT * FROM ${source} WHERE (${key}) > (${marks}) AND (${key}) <= (${marks}) AND ${wanted}`,
    );
    const above = this.#db.prepare(
      `INSERT INTO main.${table} SELECT * FROM ${source} WHERE (${key}) > (${marks}) AND ${wanted}`,
    );
    let after: unknown[] = KEYS[part].map(() => LOWEST);
    for (;;) {
      const upTo = lastOfStep.get(...after) as unknown[] | undefined;
      const copied = await this.#step(mayGoOn, () =>
        upTo === undefined ? above.run(...after) : between.run(...after, ...upTo),
      );
      if (copied === STOPPED || upTo === undefined) return copied;
      after = upTo;
    }
  }

  #setHead(index: IndexName, head: Head): void {
    const set = this.#db.prepare(`REPLACE INTO ${this.#layout.fts(index, 'data')} (id, block) VALUES (?, ?)`);
    for (const { id, block } of head) set.run(id, block);
  }

  #step<T>(mayGoOn: StepCheck, work: () => T): Promise<T | typeof STOPPED> {
    return this.#writer.write(() => (mayGoOn({ db: this.#db, layout: this.#layout }) ? work() : STOPPED));
  }
}

type Head = { id: number; block: Buffer }[];

/** The averages and the list of segments of an index without entries. */
function blankHead(width: number): Head {
  const db = new Database(':memory:');
  try {
    createIndex(db, SIDE_TABLE, width, DEFAULT_TOKENIZER);
    return db.prepare(`SELECT id, block FROM ${SIDE_TABLE}_data WHERE id IN ${HEAD}`).all() as Head;
  } finally {
    db.close();
  }
}
