import { describe, expect, it } from 'vitest';
import { bestRung, raceOf } from '../support/chunk-race.js';

const MS_OF_A_THREAD = 250;

/** What items cost in microseconds, from the first (0) to the last (1), and on average. */
const COSTS: Record<string, readonly [meanUs: number, costUs: (at: number, item: number) => number]> = {
  tiny: [0.5, () => 0.5],
  cheap: [2, () => 2],
  costly: [5_000, () => 5_000],
  'a thousand times dearer in the end': [145, (at) => 10 ** (3 * at)],
  'a thousand times cheaper in the end': [145, (at) => 10 ** (3 - 3 * at)],
  'now and then a hundred times dearer': [101, (_, item) => (item % 97 === 13 ? 5_000 : 50)],
  'up and down by a factor of a hundred': [206, (at) => 10 ** (2 - Math.cos(at * 6 * Math.PI))],
  'suddenly cheaper by a factor of 300': [100, (at) => (at < 0.3 ? 331 : 1)],
  'suddenly dearer by a factor of 300': [100, (at) => (at < 0.7 ? 1 : 331)],
};

function costsMs(name: string, threads: number): number[] {
  const [meanUs, costUs] = COSTS[name] as (typeof COSTS)[string];
  const count = Math.round((MS_OF_A_THREAD * threads * 1_000) / meanUs);
  return Array.from({ length: count }, (_, item) => costUs(item / count, item) / 1_000);
}

// In a model, so that what the machine does meanwhile counts for nothing; the bench races them on real threads. Fixed
// sizes have it easier: the best of a whole ladder is picked after the fact.
describe.each(Object.keys(COSTS))('items that are %s', (name) => {
  it.each([2, 8])('take hardly longer than with the best fixed size, on %d threads', (threads) => {
    const costs = costsMs(name, threads);
    const best = bestRung(costs, threads);
    const boxed = raceOf(costs, threads, {}, true);
    expect(best.ms / boxed.ms).toBeGreaterThanOrEqual(0.95);
    // Two targets, and the item that goes past them.
    expect(boxed.longestMs).toBeLessThanOrEqual(50 + costs.reduce((a, b) => Math.max(a, b)));
    // Ten of 25 ms would do for each thread; the rest is for the first ones and for the even split at the end.
    expect(boxed.chunks).toBeLessThanOrEqual(28 * threads);
    // Nothing ends a chunk of `run`, so what comes all of a sudden shows when its chunk is over.
    if (!name.startsWith('suddenly dearer')) {
      expect(best.ms / raceOf(costs, threads, {}, false).ms).toBeGreaterThanOrEqual(0.95);
    }
  });
});
