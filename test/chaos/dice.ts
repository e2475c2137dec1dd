import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random choices that one seed repeats. */
export interface Dice {
  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** A key, each as often as its weight says beside the others. */
  weighted<Key extends string>(weights: ReadonlyMap<Key, number>): Key;
}

/** Seeds are 32 bits, from 0. */
export const MAX_SEED: number = 2 ** 32 - 1;

// What consecutive numbers differ in must reach all bits: the golden ratio's, as in Knuth's multiplicative hashing.
const SPREAD = 0x9e3779b1;

/**
 * Dice for one purpose of a run. Each task has dice of its own, so that what is drawn for it depends on the seed and its
 * number alone, not on what happened before it.
 */
export function throwDice(seed: number, purpose: number): Dice {
  const random = xoroshiro128plus((seed ^ Math.imul(purpose + 1, SPREAD)) | 0);
  const dice: Dice = {
    integer: (min, max) => uniformInt(random, min, max),
    chance: (probability) => uniformFloat64(random) < probability,
    pick: (from) => from[dice.integer(0, from.length - 1)] as (typeof from)[number],
    weighted(weights) {
      let sum = 0;
      for (const weight of weights.values()) sum += weight;
      let at = uniformFloat64(random) * sum;
      for (const [key, weight] of weights) if ((at -= weight) < 0) return key;
      throw new RangeError('Expected at least one weight above 0');
    },
  };
  return dice;
}
