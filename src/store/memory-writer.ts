import type { Database, Statement } from 'better-sqlite3';
import { DEFAULT_IMPORTANCE, DEFAULT_NAMESPACE, type MemoryOptions } from './memory.js';

/** Where memories go, and how they are kept. */
export interface Shelf extends MemoryOptions {
  readonly userId: string;
}

/** A text to store. */
export interface NewRow {
  readonly content: string;
  readonly hash: Buffer;
  /** Its vector and the name of the model that made it; null for none. */
  readonly vector: { readonly model: string; readonly blob: Buffer } | null;
  /** The item of a task that this is; null when no task stores it. */
  readonly origin: { readonly taskId: string; readonly item: number } | null;
}

/** What became of a {@link NewRow}. */
export interface Written {
  readonly id: number;
  /** False when it was stored before, by something else than this very item of this task. */
  readonly stored: boolean;
}

interface Found {
  id: number;
  task_id: string | null;
  task_item: number | null;
}

/**
 * Stores memories and their vectors. A text that the same user has in the same namespace is not stored again, and stays
 * as it is; where it has expired, it is renewed.
 */
export class MemoryWriter {
  readonly #db: Database;
  readonly #insert: Statement;
  readonly #find: Statement;
  readonly #hasVector: Statement;
  readonly #insertVector: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(
      `INSERT INTO memories
         (user_id, namespace, importance, created_at, expires_at, content_hash, task_id, task_item, content)
       VALUES (:userId, :namespace, :importance, :now, :expiresAt, :hash, :taskId, :item, :content)
       ON CONFLICT (user_id, namespace, content_hash) DO UPDATE SET
         importance = excluded.importance, created_at = excluded.created_at, expires_at = excluded.expires_at,
         task_id = excluded.task_id, task_item = excluded.task_item
       WHERE expires_at <= :now
       RETURNING id`,
    );
    this.#insert.pluck();
    const key = 'user_id = :userId AND namespace = :namespace AND content_hash = :hash';
    this.#find = db.prepare(`SELECT id, task_id, task_item FROM memories WHERE ${key}`);
    this.#hasVector = db.prepare(
      `SELECT 1 FROM memories m JOIN vectors v ON v.memory_id = m.id AND v.model = :model WHERE ${key}`,
    );
    this.#insertVector = db.prepare('INSERT OR IGNORE INTO vectors (memory_id, model, vector) VALUES (?, ?, ?)');
  }

  /** True when the text is stored, expired or not, with a vector of this model. */
  hasVector({ userId, namespace = DEFAULT_NAMESPACE }: Shelf, hash: Buffer, model: string): boolean {
    return this.#hasVector.get({ userId, namespace, hash, model }) !== undefined;
  }

  /** Stores all rows in one transaction, and returns what became of each. `now` in epoch milliseconds. */
  write(shelf: Shelf, rows: readonly NewRow[], now: number): Written[] {
    return this.#db.transaction(() => rows.map((row) => this.#writeOne(shelf, row, now))).immediate();
  }

  #writeOne(shelf: Shelf, row: NewRow, now: number): Written {
    const { userId, namespace = DEFAULT_NAMESPACE, importance = DEFAULT_IMPORTANCE, ttlMs } = shelf;
    const { hash, content, origin } = row;
    const taskId = origin?.taskId ?? null;
    const item = origin?.item ?? null;
    const expiresAt = ttlMs === undefined ? null : now + ttlMs;
    const key = { userId, namespace, hash };
    let id = this.#insert.get({ ...key, content, importance, now, expiresAt, taskId, item }) as number | undefined;
    let stored = true;
    if (id === undefined) {
      const found = this.#find.get(key) as Found;
      id = found.id;
      // This chunk ran before: its thread died after the commit and before the answer.
      stored = taskId !== null && found.task_id === taskId && found.task_item === item;
    }
    if (row.vector !== null) this.#insertVector.run(id, row.vector.model, row.vector.blob);
    return { id, stored };
  }
}
