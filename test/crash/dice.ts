import { onTestFailed } from 'vitest';

/** Random choices that one number repeats. */
export interface Dice {
  /** A number from 0 up to, not including, `max`. */
  below(max: number): number;
  /** An integer from `min` to `max`. */
  integer(min: number, max: number): number;
  /** True so often. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** The same things in another order. */
  shuffled<T>(things: readonly T[]): T[];
}

/**
 * Dice for a test, thrown from TREADLE_SEED where that is set. When the test fails it says how to throw them again; how
 * fast the processes run is not repeated with them.
 */
export function throwDice(): Dice {
  const seed = Number(process.env['TREADLE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  onTestFailed(() => console.error(`The dice were thrown with TREADLE_SEED=${seed}`));
  const next = mulberry32(seed);
  const dice: Dice = {
    below: (max) => next() * max,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)] as (typeof from)[number],
    shuffled(things) {
      const shuffled = [...things];
      for (let at = shuffled.length - 1; at > 0; at--) {
        const other = dice.integer(0, at);
        [shuffled[at], shuffled[other]] = [
          shuffled[other] as (typeof things)[number],
          shuffled[at] as (typeof things)[number],
        ];
      }
      return shuffled;
    },
  };
  return dice;
}

/** Tommy Ettinger's generator of 32 bits of state: numbers from 0 up to 1. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
