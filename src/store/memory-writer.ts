import type { Statement } from 'better-sqlite3';
import { type Embedder, embedTexts } from '../embedders/embedder.js';
import { modelInUse, useModelAtFirst } from '../sqlite/models.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { vectorBlob } from '../sqlite/vector-blob.js';
import { DEFAULT_IMPORTANCE, DEFAULT_NAMESPACE, type MemoryOptions, contentHash } from './memory.js';

/** Where memories go, and how they are kept. */
export interface Shelf extends MemoryOptions {
  readonly userId: string;
}

/** What became of a text. */
export interface Written {
  readonly id: number;
  /** False when it was there already. */
  readonly stored: boolean;
}

/** How {@link MemoryWriter.add} does it. */
export interface AddOptions {
  /** Gives the embedder whose model is in use for the user. Null: the texts are stored without vectors. */
  readonly embedder: (() => Embedder | Promise<Embedder>) | null;
  /** Called between the steps; what it throws ends the work, and nothing is stored. */
  readonly mayGoOn?: () => void;
  /** Called in the transaction that stores the texts, with what becomes of each. */
  readonly onWritten?: (written: readonly Written[]) => void;
}

interface Text {
  readonly content: string;
  readonly hash: Buffer;
}

/** Vectors of texts, by their hash. */
interface Vectors {
  readonly model: string;
  readonly blobs: ReadonlyMap<string, Buffer>;
}

/**
 * Stores memories and their vectors. A text that the same user has in the same namespace is not stored again, and stays
 * as it is; where it has expired, it is renewed.
 */
export class MemoryWriter {
  readonly #open: OpenTable;
  readonly #insert: Statement;
  readonly #find: Statement;
  readonly #hasVector: Statement;
  readonly #insertVector: Statement;
  readonly #settle: Statement;

  constructor(open: OpenTable) {
    this.#open = open;
    const { db, layout } = open;
    this.#insert = db
      .prepare(
        `INSERT INTO memories (user_id, namespace, importance, created_at, expires_at, content_hash, content)
         VALUES (:userId, :namespace, :importance, :now, :expiresAt, :hash, :content)
         ON CONFLICT (user_id, namespace, content_hash) DO UPDATE SET
           importance = excluded.importance, created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE expires_at <= :now
         RETURNING id`,
      )
      .pluck();
    const key = 'user_id = :userId AND namespace = :namespace AND content_hash = :hash';
    this.#find = db.prepare(`SELECT id FROM memories WHERE ${key}`).pluck();
    this.#hasVector = db.prepare(
      `SELECT 1 FROM memories m JOIN ${layout.vectors} v ON v.row_id = m.id AND v.model = :model WHERE ${key}`,
    );
    this.#insertVector = db.prepare(`INSERT OR IGNORE INTO ${layout.vectors} (row_id, model, vector) VALUES (?, ?, ?)`);
    // A migration under way has yet to see the row.
    this.#settle = db.prepare(
      `DELETE FROM ${layout.pending} WHERE row_id = ? AND (SELECT migration FROM ${layout.vectorState}) IS NULL`,
    );
  }

  /**
   * Stores texts and the vectors that they lack, all in one short transaction; embedding comes before it. Texts that are
   * given twice are stored once.
   *
   * @param now epoch milliseconds
   * @returns what became of each different text, in the order of their first appearance
   * @throws ModelNotAtHand
   */
  async add(shelf: Shelf, contents: Iterable<string>, now: number, options: AddOptions): Promise<Written[]> {
    const { embedder, mayGoOn = (): void => {}, onWritten } = options;
    const texts = differentTexts(contents);
    for (;;) {
      const vectors = embedder === null ? null : await this.#embed(shelf, texts, await embedder(), mayGoOn);
      mayGoOn();
      const written = this.#open.db
        .transaction(() => {
          // Embedding takes a moment, in which another model may have come into use, or a row gone whose vector was there.
          if (vectors !== null && !(this.#isInUse(shelf, vectors.model) && this.#hasAll(shelf, texts, vectors))) {
            return null;
          }
          const rows = texts.map((text) => this.#writeOne(shelf, text, vectors, now));
          onWritten?.(rows);
          return rows;
        })
        .immediate();
      if (written !== null) return written;
    }
  }

  async #embed(
    { userId, namespace = DEFAULT_NAMESPACE }: Shelf,
    texts: readonly Text[],
    embedder: Embedder,
    mayGoOn: () => void,
  ): Promise<Vectors> {
    const { name: model, dimensions } = embedder;
    const fresh = texts.filter(({ hash }) => this.#hasVector.get({ userId, namespace, hash, model }) === undefined);
    mayGoOn();
    if (fresh.length === 0) return { model, blobs: new Map() };
    const matrix = await embedTexts(
      embedder,
      fresh.map(({ content }) => content),
    );
    return { model, blobs: new Map(fresh.map(({ hash }, row) => [keyOf(hash), vectorBlob(matrix, row, dimensions)])) };
  }

  /** Whether each text has a vector, stored or made. */
  #hasAll(
    { userId, namespace = DEFAULT_NAMESPACE }: Shelf,
    texts: readonly Text[],
    { model, blobs }: Vectors,
  ): boolean {
    return texts.every(
      ({ hash }) => blobs.has(keyOf(hash)) || this.#hasVector.get({ userId, namespace, hash, model }) !== undefined,
    );
  }

  /** Whether `model` answers for the user; where none does yet, it does from now on. */
  #isInUse({ userId }: Shelf, model: string): boolean {
    const present = modelInUse(this.#open, userId);
    if (present === null) useModelAtFirst(this.#open, model);
    return present === null || present === model;
  }

  #writeOne(shelf: Shelf, { content, hash }: Text, vectors: Vectors | null, now: number): Written {
    const { userId, namespace = DEFAULT_NAMESPACE, importance = DEFAULT_IMPORTANCE, ttlMs } = shelf;
    const expiresAt = ttlMs === undefined ? null : now + ttlMs;
    const key = { userId, namespace, hash };
    const inserted = this.#insert.get({ ...key, content, importance, now, expiresAt }) as number | undefined;
    const id = inserted ?? (this.#find.get(key) as number);
    const blob = vectors?.blobs.get(keyOf(hash));
    if (vectors !== null && blob !== undefined) {
      this.#insertVector.run(id, vectors.model, blob);
      this.#settle.run(id);
    }
    return { id, stored: inserted !== undefined };
  }
}

function differentTexts(contents: Iterable<string>): Text[] {
  const texts = new Map<string, Text>();
  for (const content of contents) {
    const hash = contentHash(content);
    const key = keyOf(hash);
    if (!texts.has(key)) texts.set(key, { content, hash });
  }
  return [...texts.values()];
}

function keyOf(hash: Buffer): string {
  return hash.toString('latin1');
}
