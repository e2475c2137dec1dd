import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { BUSY_TIMEOUT_MS } from './connection.js';
import type { OpenTable } from './open-table.js';
import { TextSearch } from './text-search.js';
import { VectorSearch } from './vector-search.js';

/** A read-only connection of its own, and what a search asks on it. */
export class TableReader implements OpenTable {
  readonly db: Database;
  readonly layout: OpenTable['layout'];
  /** Null for a table without an index. */
  readonly text: TextSearch | null;
  /** Null for a table without vectors. */
  readonly vectors: VectorSearch | null;
  readonly #row: Statement;
  readonly #texts: Statement | null;

  /** Reads the same database as `open`. */
  constructor({ db, layout }: OpenTable) {
    this.db = new Sqlite(db.name, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    this.layout = layout;
    const { fts, vectors } = layout.described;
    try {
      this.text = fts === undefined ? null : new TextSearch(this);
      this.vectors = vectors === undefined ? null : new VectorSearch(this);
      const byNumber = `FROM ${layout.fromByNumber()} WHERE ${layout.number} = ?`;
      this.#row = this.db.prepare(`SELECT ${layout.hitColumns} ${byNumber}`).safeIntegers();
      this.#texts =
        layout.width === 0 ? null : this.db.prepare(`SELECT ${layout.texts('m').join(', ')} ${byNumber}`).raw();
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /**
   * Runs `work` in one read transaction, so that an index is not swapped out between looking which one answers and asking
   * it, and no hit is deleted between being found and being read.
   */
  async snapshot<T>(work: () => T | Promise<T>): Promise<T> {
    this.db.exec('BEGIN');
    try {
      return await work();
    } finally {
      this.db.exec('ROLLBACK');
    }
  }

  /** The columns of a row that a hit is made of. Integers are numbers where those hold them exactly, else bigints. */
  row(number: bigint): Record<string, unknown> {
    return withNumbers(this.#row.get(number) as Record<string, unknown>);
  }

  /** True when the table has no row at all. */
  isEmpty(): boolean {
    return this.db.prepare(`SELECT 1 FROM ${this.layout.table} LIMIT 1`).get() === undefined;
  }

  /** The columns of text of a row. */
  texts(number: bigint): (string | null)[] {
    return ((this.#texts?.get(number) ?? []) as Stored[]).map(textOf);
  }

  close(): void {
    this.db.close();
  }
}

type Stored = string | number | Buffer | null;

function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value !== 'bigint') continue;
    const number = Number(value);
    if (Number.isSafeInteger(number)) row[column] = number;
  }
  return row;
}

function textOf(value: Stored): string | null {
  if (value === null || typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
