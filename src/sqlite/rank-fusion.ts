import { invalidArgument } from '../engine/errors.js';

/** What one search found, best first, and how much it counts. */
export interface RankedList<Id> {
  /** Each id at most once; of one that comes again, only the first place counts. */
  readonly hits: readonly { readonly id: Id; readonly score: number }[];
  /**
   * How much a place in this list counts, relative to the other lists. A number >= 0; with 0 the list finds nothing, and
   * only says what it had for what others found. @default 1
   */
  readonly weight?: number;
}

/** Where a list had a hit. */
export interface ListPlace {
  /** Its place in the list, from 1. */
  readonly rank: number;
  /** Its score in the list, in whatever unit that has. */
  readonly score: number;
}

/** A hit of any of the lists. */
export interface FusedHit<Id> {
  readonly id: Id;
  /** The sum over the lists of weight / (k + rank). */
  readonly score: number;
  /** For each list, in the order in which they were given, where it had the hit; null where it had not. */
  readonly places: readonly (ListPlace | null)[];
}

/**
 * What is added to each rank: the smaller, the more the first places count. The paper has 60, for lists of equal standing.
 * Where one counts half, 60 would put the best that it alone found level with the 62nd of the other; 2 puts it level with
 * the fourth. Judged queries were answered best with 1 to 4.
 */
export const FUSION_K = 2;

/**
 * Merges ranked lists by reciprocal rank fusion, best first. Only places count, so that scores of different units need no
 * common scale. Of equal scores, the hit with the best single place wins, and then the one that an earlier list has
 * there: the order depends on nothing but the lists.
 *
 * @param k a number >= 0; the greater, the more it counts to be in several lists rather than high up in one.
 * @throws TreadleError INVALID_ARGUMENT
 * @see Cormack, Clarke, Büttcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
 *   Methods", SIGIR '09
 */
export function fuse<Id>(lists: readonly RankedList<Id>[], k: number = FUSION_K): FusedHit<Id>[] {
  if (!isAmount(k)) throw invalidArgument('k', 'a number >= 0', k);
  const hits = new Map<Id, Candidate<Id>>();
  for (const [list, { hits: ranked, weight = 1 }] of lists.entries()) {
    if (!isAmount(weight)) throw invalidArgument(`lists[${list}].weight`, 'a number >= 0', weight);
    for (const [at, { id, score }] of ranked.entries()) {
      const hit = hits.get(id) ?? { id, score: 0, best: { rank: Infinity, list }, places: lists.map(() => null) };
      if (hit.places[list] !== null) continue;
      const rank = at + 1;
      hit.places[list] = { rank, score };
      hit.score += weight / (k + rank);
      if (weight > 0 && rank < hit.best.rank) hit.best = { rank, list };
      hits.set(id, hit);
    }
  }
  return [...hits.values()]
    .filter(({ best }) => best.rank < Infinity)
    .sort((a, b) => b.score - a.score || a.best.rank - b.best.rank || a.best.list - b.best.list)
    .map(({ id, score, places }) => ({ id, score, places }));
}

interface Candidate<Id> {
  readonly id: Id;
  score: number;
  best: { readonly rank: number; readonly list: number };
  readonly places: (ListPlace | null)[];
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}
