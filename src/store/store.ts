import { resolve } from 'node:path';
import type { Statement } from 'better-sqlite3';
import { type Embedder, checkEmbedders } from '../embedders/embedder.js';
import { onlyKeys, invalidArgument } from '../engine/errors.js';
import { embedderInUse } from '../sqlite/models.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { checkQuery } from '../sqlite/search-options.js';
import { TableSearch } from '../sqlite/table-search.js';
import { openMemories } from './memories-table.js';
import {
  MEMORY_COLUMNS,
  type Memory,
  type MemoryOptions,
  type MemoryRow,
  NOT_EXPIRED,
  checkContent,
  checkMemoryOptions,
  checkName,
  memoryOf,
} from './memory.js';
import { MemoryWriter, type Written } from './memory-writer.js';
import { type SearchHit, type SearchOptions, checkSearch, hitOf } from './search.js';

/** How to open a {@link Store}. */
export interface StoreOptions {
  /** The database file; it is made where there is none, its folder is not. Not ':memory:': searches open it too. */
  path: string;
  /**
   * Makes vectors of what is added and of vector queries. Of several, the one whose model is in use is taken, so that a
   * migration from one to another goes unnoticed. @default none: text search only
   */
  embedder?: Embedder | readonly Embedder[];
}

/** A text to add, and how it is kept. */
export interface NewMemory extends MemoryOptions {
  /** Whose it is. 1 to 256 characters. */
  userId: string;
  /** The text. Not empty. */
  content: string;
}

const MEMORY_KEYS = [
  'userId',
  'content',
  'namespace',
  'importance',
  'ttlMs',
] as const satisfies readonly (keyof NewMemory)[];

/**
 * Texts of many users in one SQLite file, found by words or by vectors. Each user sees only their own.
 *
 * Reading never waits for a writer and is fine on a server's event loop. Writing waits for other writers, up to 5 seconds: leave more than a few texts to `embed_batch`.
 */
export class Store {
  readonly #open: OpenTable;
  readonly #embedders: readonly Embedder[];
  readonly #writer: MemoryWriter;
  readonly #search: TableSearch;
  readonly #get: Statement;
  readonly #delete: Statement;
  readonly #count: Statement;

  /** @internal Use {@link openStore}. */
  constructor(open: OpenTable, embedders: readonly Embedder[]) {
    const { db } = open;
    this.#open = open;
    this.#embedders = embedders;
    this.#writer = new MemoryWriter(open);
    this.#search = new TableSearch(open, embedders);
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
   * @throws TreadleError INVALID_ARGUMENT; Error MODEL_NOT_AT_HAND when the vectors in use are of another model than the
   *   store's embedder.
   */
  async add(memory: NewMemory): Promise<Written> {
    if (typeof memory !== 'object' || memory === null) throw invalidArgument('memory', 'an object', memory);
    onlyKeys('memory', memory, MEMORY_KEYS);
    checkName('userId', memory.userId);
    const content = checkContent('content', memory.content);
    checkMemoryOptions(memory);
    const embedders = this.#embedders;
    const embedder = embedders.length === 0 ? null : () => embedderInUse(this.#open, memory.userId, embedders);
    const [written] = await this.#writer.add(memory, [content], Date.now(), { embedder });
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
   * A vector or hybrid search takes time in proportion to the user's memories (about 5 µs each), and lets other work have
   * its turn every few milliseconds. A text search ranks words by how rare they are among all users' memories.
   *
   * @example await store.search('how do I cancel a task?', { userId: 'ada', mode: 'hybrid', snippet: true })
   * @throws TreadleError INVALID_ARGUMENT, also for mode 'vector' or 'hybrid' in a store without an embedder; Error
   *   NOT_EMBEDDED for mode 'vector' when there are memories but no vectors yet, MODEL_NOT_AT_HAND when the vectors in use are of another model than the store's embedder.
   */
  async search(query: string, options: SearchOptions): Promise<SearchHit[]> {
    const text = checkQuery(query);
    const { scope, plan } = checkSearch(options);
    if (plan.mode !== 'text' && this.#embedders.length === 0) {
      throw invalidArgument('mode', "'text' in a store opened without an `embedder`", plan.mode);
    }
    return (await this.#search.search(text, scope, plan)).map(hitOf);
  }

  /** Closes the database. What is called afterwards throws. */
  close(): void {
    this.#search.close();
    this.#open.db.close();
  }
}

/**
 * Opens the memories in a file, making or migrating the database where needed.
 *
 * @throws TreadleError INVALID_ARGUMENT, or Error when the file is no database of memories or is newer than this code.
 */
export function openStore(options: StoreOptions): Store {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  onlyKeys('options', options, ['path', 'embedder']);
  const { path, embedder } = options;
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalidArgument('path', 'the path of a database file', path);
  }
  const embedders = checkEmbedders('embedder', embedder);
  // Readers open it later on, when the working directory may be another.
  return new Store(openMemories(resolve(path)), embedders);
}

function checkId(id: unknown): number {
  if (Number.isSafeInteger(id) && (id as number) >= 1) return id as number;
  throw invalidArgument('id', 'an integer >= 1', id);
}
