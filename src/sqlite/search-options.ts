import { onlyKeys, invalidArgument } from '../engine/errors.js';
import type { UserId } from './layout.js';
import type { ListPlace } from './rank-fusion.js';
import { MAX_SNIPPET_WORDS } from './snippets.js';
import type { Snippet } from './snippet-text.js';

/** How to search. */
export type SearchMode = 'text' | 'vector' | 'hybrid';

/** What a search may be told, apart from where to look. */
export interface SearchModeOptions {
  /**
   * `'text'` finds rows with a word of the query, in any form (BM25, Porter stemming); `'vector'` compares with the
   * vector of each row in scope and needs an embedder; `'hybrid'` does both and merges what they find by reciprocal rank
   * fusion; before there are vectors it finds by words alone. @default 'text'
   */
  mode?: SearchMode;
  /** At most so many hits. An integer from 1 to 200. @default 10 */
  limit?: number;
  /**
   * How much a place in each list counts in a hybrid search. Numbers >= 0, not both 0; only their ratio matters.
   *
   * @default { text: 1, vector: 0.5 }
   */
  weights?: { readonly text?: number; readonly vector?: number };
  /** Give each hit a snippet: true, or about how many words it has, an integer from 1 to 64. @default false: none */
  snippet?: boolean | { readonly words?: number };
}

/** How a hit was found. */
export interface FoundBy {
  /**
   * Higher is better. Text: BM25, > 0 and without an upper bound, comparable only within one search. Vector: the cosine
   * of the angle, -1 to 1. Hybrid: the sum over the lists of weight / (2 + rank).
   */
  readonly score: number;
  /** The lists that it was in, with its rank there, from 1, and its score there. */
  readonly lists: { readonly text?: ListPlace; readonly vector?: ListPlace };
  /** The part that fits the query best and what to highlight in it; only where `snippet` was asked for. */
  readonly snippet?: Snippet;
}

/** Which rows may be found. `now` in epoch milliseconds. */
export interface SearchScope {
  readonly userId: UserId | null;
  readonly namespace: string | null;
  readonly now: number;
}

/** {@link SearchModeOptions} with their defaults. */
export interface SearchPlan {
  readonly mode: SearchMode;
  readonly limit: number;
  readonly weights: { readonly text: number; readonly vector: number };
  /** Words of a snippet; null for none. */
  readonly snippetWords: number | null;
}

/** The names of {@link SearchModeOptions}. */
export const PLAN_KEYS: readonly string[] = ['mode', 'limit', 'weights', 'snippet'];

export const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 10;
const MODES: ReadonlySet<unknown> = new Set<SearchMode>(['text', 'vector', 'hybrid']);
const DEFAULT_WEIGHTS = { text: 1, vector: 0.5 };
const DEFAULT_SNIPPET_WORDS = 24;

/** @throws TreadleError INVALID_ARGUMENT */
export function checkQuery(query: unknown): string {
  if (typeof query === 'string') return query;
  throw invalidArgument('query', 'a string', query);
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkSearchPlan(options: unknown): SearchPlan {
  if (!isBag(options)) throw invalidArgument('options', 'an object', options);
  const { mode = 'text', limit = DEFAULT_LIMIT, weights, snippet } = options as SearchModeOptions;
  if (!MODES.has(mode)) throw invalidArgument('mode', "'text', 'vector' or 'hybrid'", mode);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw invalidArgument('limit', `an integer from 1 to ${MAX_LIMIT}`, limit);
  }
  return { mode, limit, weights: checkWeights(weights), snippetWords: checkSnippet(snippet) };
}

function checkWeights(weights: unknown): SearchPlan['weights'] {
  if (weights === undefined) return DEFAULT_WEIGHTS;
  if (!isBag(weights)) throw invalidArgument('weights', 'an object { text, vector }', weights);
  onlyKeys('weights', weights, ['text', 'vector']);
  const { text = DEFAULT_WEIGHTS.text, vector = DEFAULT_WEIGHTS.vector } = weights as Record<string, unknown>;
  for (const [name, weight] of Object.entries({ text, vector })) {
    if (typeof weight !== 'number' || !(weight >= 0 && weight < Infinity)) {
      throw invalidArgument(`weights.${name}`, 'a number >= 0', weight);
    }
  }
  if (text === 0 && vector === 0) throw invalidArgument('weights', 'numbers of which one is > 0', weights);
  return { text: text as number, vector: vector as number };
}

function checkSnippet(snippet: unknown): number | null {
  if (snippet === undefined || snippet === false) return null;
  if (snippet === true) return DEFAULT_SNIPPET_WORDS;
  if (!isBag(snippet)) throw invalidArgument('snippet', 'a boolean or an object { words }', snippet);
  onlyKeys('snippet', snippet, ['words']);
  const { words = DEFAULT_SNIPPET_WORDS } = snippet as { words?: number };
  if (!Number.isSafeInteger(words) || words < 1 || words > MAX_SNIPPET_WORDS) {
    throw invalidArgument('snippet.words', `an integer from 1 to ${MAX_SNIPPET_WORDS}`, words);
  }
  return words;
}

/** An object with names: in an array each of them would be missing, and have its default. */
function isBag(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
