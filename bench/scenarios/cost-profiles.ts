import { pseudoRandom } from '../runner/pseudo-random.js';
import { ROUNDS_PER_US, hashRounds } from '../tasks/hash-rounds.js';

/** Items, by what they cost. */
export interface CostProfile {
  readonly name: string;
  readonly about: string;
  /** Rounds of each item. */
  readonly items: readonly number[];
  /** The sum of what they give. */
  readonly expected: number;
  /** Fixed chunk sizes to compare with: powers of 4. */
  readonly ladder: readonly number[];
}

const MOST_CHUNKS = 5_000;
const DECADES = 3;

/** Each takes about `ms` of one thread's time, but for how fast the machine is. */
export function costProfiles(ms: number): CostProfile[] {
  const us = ms * 1_000;
  const random = pseudoRandom(4);
  return [
    profile('cheap', '2 µs each', us, 2, () => 2),
    profile('costly', '5 ms each', us, 5_000, () => 5_000),
    profile('growing', 'from 1 µs to 1 ms', us, 145, (at) => 10 ** (at * DECADES)),
    profile('shrinking', 'from 1 ms to 1 µs', us, 145, (at) => 10 ** ((1 - at) * DECADES)),
    profile('heavy-tailed', '50 µs, one in a hundred 5 ms', us, 99.5, () => (random() < 0.01 ? 5_000 : 50)),
    profile(
      'drifting',
      'between 10 µs and 1 ms, up and down three times',
      us,
      206,
      (at) => 10 ** (2 - Math.cos(at * 6 * Math.PI)),
    ),
  ];
}

/** `costUs` gives the microseconds of the item at a place from 0 (the first) to 1. */
function profile(name: string, about: string, us: number, meanUs: number, costUs: (at: number) => number): CostProfile {
  const count = Math.round(us / meanUs);
  const items = Array.from({ length: count }, (_, at) => Math.round(costUs(at / count) * ROUNDS_PER_US));
  let expected = 0;
  for (const rounds of items) expected += hashRounds(rounds);
  const ladder: number[] = [];
  for (let size = 1; size <= count / 2; size *= 4) if (count / size <= MOST_CHUNKS) ladder.push(size);
  return { name, about, items, expected, ladder };
}
