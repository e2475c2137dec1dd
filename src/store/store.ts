import type { Database, Statement } from 'better-sqlite3';
import { type Embedder, checkEmbedder, embedTexts } from '../embedders/embedder.js';
import { invalidArgument } from '../engine/errors.js';
import { openConnection } from './connection.js';
import {
  MEMORY_COLUMNS,
  type Memory,
  type MemoryOptions,
  type MemoryRow,
  NOT_EXPIRED,
  checkContent,
  checkMemoryOptions,
  checkName,
  contentHash,
  memoryOf,
} from './memory.js';
import { MemoryWriter, type Written } from './memory-writer.js';
import { type SearchHit, type SearchOptions, checkSearch } from './search.js';
import { TextSearch } from './text-search.js';
import { vectorBlob } from './vector-blob.js';
import { VectorSearch } from './vector-search.js';

/** How to open a {@link Store}. */
export interface StoreOptions {
  /** The database file; it is made where there is none, its folder is not. */
  path: string;
  /** Makes vectors of what is added and of vector queries. @default none: text search only */
  embedder?: Embedder;
}

/** A text to add, and how it is kept. */
export interface NewMemory extends MemoryOptions {
  /** Whose it is. 1 to 256 characters. */
  userId: string;
  /** The text. Not empty. */
  content: string;
}

/**
 * Texts of many users in one SQLite file, found by words or by vectors. Each user sees only their own.
 *
 * Reading never waits for a writer, so it is fine on a server's event loop as long as a user has no more than some ten
 * thousand memories. Writing waits for other writers, up to 5 seconds: leave more than a few texts to `embed_batch`.
 */
export class Store {
  readonly #db: Database;
  readonly #embedder: Embedder | null;
  readonly #writer: MemoryWriter;
  readonly #text: TextSearch;
  readonly #vectors: VectorSearch;
  readonly #get: Statement;
  readonly #delete: Statement;
  readonly #count: Statement;

  /** @internal Use {@link openStore}. */
  constructor(db: Database, embedder: Embedder | null) {
    this.#db = db;
    this.#embedder = embedder;
    this.#writer = new MemoryWriter(db);
    this.#text = new TextSearch(db);
    this.#vectors = new VectorSearch(db);
    this.#get = db.prepare(`SELECT ${MEMORY_COLUMNS} FROM memories m WHERE m.id = :id AND ${NOT_EXPIRED}`);
    this.#delete = db.prepare('DELETE FROM memories WHERE id = ?');
    this.#count = db
      .prepare(
        `SELECT count(*) FROM memories m
         WHERE m.user_id = :userId AND (:namespace IS NULL OR m.namespace = :namespace) AND ${NOT_EXPIRED}`,
      )
      .pluck();
  }

  /**
   * Stores a text, with a vector where the store has an embedder. A text that the user has in this namespace already is
   * not stored again and stays as it is; an expired one is renewed.
   *
   * @returns its id, and whether it was stored now.
   * @throws TreadleError INVALID_ARGUMENT
   */
  async add(memory: NewMemory): Promise<Written> {
    if (typeof memory !== 'object' || memory === null) throw invalidArgument('memory', 'an object', memory);
    checkName('userId', memory.userId);
    const content = checkContent('content', memory.content);
    checkMemoryOptions(memory);
    const hash = contentHash(content);
    const embedder = this.#embedder;
    let vector = null;
    if (embedder !== null && !this.#writer.hasVector(memory, hash, embedder.name)) {
      const matrix = await embedTexts(embedder, [content]);
      vector = { model: embedder.name, blob: vectorBlob(matrix, 0, embedder.dimensions) };
    }
    const [written] = this.#writer.write(memory, [{ content, hash, vector, origin: null }], Date.now());
    return written as Written;
  }

  /** The memory with this id, unless there is none or it has expired. @throws TreadleError INVALID_ARGUMENT */
  get(id: number): Memory | undefined {
    const row = this.#get.get({ id: checkId(id), now: Date.now() }) as MemoryRow | undefined;
    return row === undefined ? undefined : memoryOf(row);
  }

  /** Deletes the memory with this id and its vectors. False when there is none. @throws TreadleError INVALID_ARGUMENT */
  delete(id: number): boolean {
    return this.#delete.run(checkId(id)).changes > 0;
  }

  /**
   * How many memories a user has, in all or in one namespace; expired ones don't count.
   *
   * @throws TreadleError INVALID_ARGUMENT
   */
  count(userId: string, namespace?: string): number {
    checkName('userId', userId);
    if (namespace !== undefined) checkName('namespace', namespace);
    return this.#count.get({ userId, namespace: namespace ?? null, now: Date.now() }) as number;
  }

  /**
   * The user's memories that fit the query best, best first. The query is plain text: at most 64 different words of its
   * first 16,384 characters are looked for, one is enough for a hit, and nothing in it is syntax.
   *
   * A vector search takes time in proportion to the user's memories (about 4 µs each). A text search ranks words by how
   * rare they are among all users' memories.
   *
   * @example await store.search('how do I cancel a task?', { userId: 'ada', limit: 5 })
   * @throws TreadleError INVALID_ARGUMENT, also for mode 'vector' in a store without an embedder.
   */
  async search(query: string, options: SearchOptions): Promise<SearchHit[]> {
    const search = checkSearch(query, options);
    if (search.mode === 'text') return this.#text.search(query, search);
    const embedder = this.#embedder;
    if (embedder === null) throw invalidArgument('mode', "'text' in a store opened without an `embedder`", search.mode);
    return this.#vectors.search(await embedTexts(embedder, [query]), embedder.name, search);
  }

  /** Closes the database. What is called afterwards throws. */
  close(): void {
    this.#db.close();
  }
}

/**
 * Opens the memories in a file, making or migrating the database where needed.
 *
 * @throws TreadleError INVALID_ARGUMENT, or Error when the file is no database of memories or is newer than this code.
 */
export function openStore(options: StoreOptions): Store {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { path, embedder } = options;
  if (typeof path !== 'string' || path === '') throw invalidArgument('path', 'the path of a database file', path);
  if (embedder !== undefined) checkEmbedder('embedder', embedder);
  return new Store(openConnection(path), embedder ?? null);
}

function checkId(id: unknown): number {
  if (Number.isSafeInteger(id) && (id as number) >= 1) return id as number;
  throw invalidArgument('id', 'an integer >= 1', id);
}
