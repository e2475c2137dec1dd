import { onlyKeys } from '../engine/errors.js';
import {
  type FoundBy,
  PLAN_KEYS,
  type SearchModeOptions,
  type SearchPlan,
  type SearchScope,
  checkSearchPlan,
} from '../sqlite/search-options.js';
import type { TableHit } from '../sqlite/table-search.js';
import { type Memory, type MemoryRow, checkName, memoryOf } from './memory.js';

/** Which memories to look through, and how. */
export interface SearchOptions extends SearchModeOptions {
  /** Whose memories. 1 to 256 characters. */
  userId: string;
  /** Only this namespace. @default all of the user's */
  namespace?: string;
}

/** A memory that was found. */
export interface SearchHit extends Memory, FoundBy {}

const QUERY_KEYS = ['userId', 'namespace', ...PLAN_KEYS];

/** @throws TreadleError INVALID_ARGUMENT */
export function checkSearch(options: unknown): { scope: SearchScope; plan: SearchPlan } {
  const plan = checkSearchPlan(options);
  onlyKeys('options', options, QUERY_KEYS);
  const { userId, namespace } = options as Partial<SearchOptions>;
  checkName('userId', userId);
  if (namespace !== undefined) checkName('namespace', namespace);
  return { scope: { userId: userId as string, namespace: namespace ?? null, now: Date.now() }, plan };
}

export function hitOf({ row, ...foundBy }: TableHit): SearchHit {
  return { ...memoryOf(row as unknown as MemoryRow), ...foundBy };
}
