import { hash } from 'node:crypto';
import { invalidArgument } from '../engine/errors.js';
import type { SqliteTable } from '../sqlite/sqlite-table.js';

/** A stored text. */
export interface Memory {
  readonly id: number;
  /** Whose it is: nobody else's search finds it. */
  readonly userId: string;
  readonly namespace: string;
  readonly content: string;
  /** From 0 to 1. */
  readonly importance: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds from which it is not found any more; null for never. */
  readonly expiresAt: number | null;
}

/** How a memory is kept, apart from its text. */
export interface MemoryOptions {
  /** A user's memories can be kept apart. 1 to 256 characters. @default 'default' */
  namespace?: string | undefined;
  /** A number from 0 to 1. @default 0.5 */
  importance?: number | undefined;
  /** How long it is kept. Milliseconds, an integer from 1 to 31,556,952,000,000, a thousand years. @default for ever */
  ttlMs?: number | undefined;
}

export const DEFAULT_NAMESPACE = 'default';
export const DEFAULT_IMPORTANCE = 0.5;

// As long as an id of the engine may be.
const MAX_NAME_LENGTH = 256;
// A thousand years.
const MAX_TTL_MS = 31_556_952_000_000;

/** What tells whether a text is stored already. */
export function contentHash(content: string): Buffer {
  return hash('sha256', content, 'buffer');
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkName(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH && value.isWellFormed()) {
    return value;
  }
  throw invalidArgument(name, `a string of 1 to ${MAX_NAME_LENGTH} characters`, value);
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkContent(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.length === 0) throw invalidArgument(name, 'a string that is not empty', value);
  // SQLite would store another text, the same for many.
  if (!value.isWellFormed()) throw invalidArgument(name, 'well-formed Unicode', value);
  return value;
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkMemoryOptions({ namespace, importance, ttlMs }: MemoryOptions): void {
  if (namespace !== undefined) checkName('namespace', namespace);
  if (importance !== undefined && !(typeof importance === 'number' && importance >= 0 && importance <= 1)) {
    throw invalidArgument('importance', 'a number from 0 to 1', importance);
  }
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
    throw invalidArgument('ttlMs', `an integer from 1 to ${MAX_TTL_MS}`, ttlMs);
  }
}

/** The store's own table, described as any other. */
export const MEMORIES: SqliteTable = {
  table: 'memories',
  id: 'id',
  content: ['content'],
  user: 'user_id',
  namespace: 'namespace',
  expiresAt: 'expires_at',
  fts: 'memories_fts',
  vectors: 'vectors',
};

/** A row of `memories` as {@link MEMORY_COLUMNS} reads it. */
export interface MemoryRow {
  id: number;
  user_id: string;
  namespace: string;
  importance: number;
  created_at: number;
  expires_at: number | null;
  content: string;
}

/** The columns of a {@link MemoryRow}, of a table called `m`. */
export const MEMORY_COLUMNS = 'm.id, m.user_id, m.namespace, m.importance, m.created_at, m.expires_at, m.content';

/** SQL that is true for a row, of a table called `m`, that has not expired at `:now`. */
export const NOT_EXPIRED = '(m.expires_at IS NULL OR m.expires_at > :now)';

export function memoryOf(row: MemoryRow): Memory {
  return {
    id: row.id,
    userId: row.user_id,
    namespace: row.namespace,
    content: row.content,
    importance: row.importance,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
