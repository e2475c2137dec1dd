import { invalidArgument } from '../engine/errors.js';
import { type Memory, type MemoryRow, checkName, memoryOf } from './memory.js';

/** Which memories to look through, and how. */
export interface SearchOptions {
  /** Whose memories. 1 to 256 characters. */
  userId: string;
  /** Only this namespace. @default all of the user's */
  namespace?: string;
  /**
   * `'text'` finds memories with a word of the query, in any form (BM25, Porter stemming); `'vector'` compares with
   * each memory of the user and needs a store opened with an embedder. @default 'text'
   */
  mode?: 'text' | 'vector';
  /** At most so many hits. An integer from 1 to 200. @default 10 */
  limit?: number;
}

/** A memory that was found. */
export interface SearchHit extends Memory {
  /**
   * Higher is better. Text: BM25, > 0 and without an upper bound, comparable only within one search. Vector: the cosine
   * of the angle, -1 to 1.
   */
  readonly score: number;
}

/** A search with its defaults filled in; `now` in epoch milliseconds. */
export interface Search {
  readonly userId: string;
  readonly namespace: string | null;
  readonly limit: number;
  readonly now: number;
}

export const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 10;

/** @throws TreadleError INVALID_ARGUMENT */
export function checkSearch(query: unknown, options: unknown): Search & { mode: 'text' | 'vector' } {
  if (typeof query !== 'string') throw invalidArgument('query', 'a string', query);
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { userId, namespace, mode = 'text', limit = DEFAULT_LIMIT } = options as Partial<SearchOptions>;
  checkName('userId', userId);
  if (namespace !== undefined) checkName('namespace', namespace);
  if (mode !== 'text' && mode !== 'vector') throw invalidArgument('mode', "'text' or 'vector'", mode);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw invalidArgument('limit', `an integer from 1 to ${MAX_LIMIT}`, limit);
  }
  return { userId: userId as string, namespace: namespace ?? null, mode, limit, now: Date.now() };
}

export function hitOf(row: MemoryRow, score: number): SearchHit {
  return { ...memoryOf(row), score };
}
