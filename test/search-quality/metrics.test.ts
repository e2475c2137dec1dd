import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { averagePrecision, ndcg } from './metrics.js';

const GRADES = { a: 2, b: 1, c: 1 };

describe('nDCG', () => {
  it('is what comes out by hand', () => {
    // Found: 0 / log2(2) + 3 / log2(3) + 1 / log2(4) = 2.39279; at best: 3 / log2(2) + 1 / log2(3) + 1 / log2(4) = 4.13093.
    expect(ndcg(['x', 'a', 'b'], GRADES, 10)).toBeCloseTo(2.39279 / 4.13093, 5);
    // Of two hits only: (0 + 1.89279) / (3 + 0.63093).
    expect(ndcg(['x', 'a', 'b'], GRADES, 2)).toBeCloseTo(1.89279 / 3.63093, 5);
    // 1 / log2(2) + 3 / log2(5) = 2.29203.
    expect(ndcg(['c', 'x', 'y', 'a'], GRADES, 10)).toBeCloseTo(2.29203 / 4.13093, 5);
  });

  it('is 1 for the best order, 0 where nothing was found or nothing is relevant', () => {
    expect(ndcg(['a', 'c', 'b', 'x'], GRADES, 10)).toBe(1);
    expect(ndcg(['x', 'y'], GRADES, 10)).toBe(0);
    expect(ndcg([], GRADES, 10)).toBe(0);
    expect(ndcg(['a'], {}, 10)).toBe(0);
  });
});

describe('average precision', () => {
  it('is what comes out by hand', () => {
    // The second and third of three relevant ones: (1/2 + 2/3) / 3.
    expect(averagePrecision(['x', 'a', 'b'], GRADES)).toBeCloseTo(7 / 18, 10);
    // (1/1 + 2/4 + 3/5) / 3
    expect(averagePrecision(['c', 'x', 'y', 'a', 'b'], GRADES)).toBeCloseTo(0.7, 10);
  });

  it('is 1 where all relevant ones come first in any order, 0 where none was found or none is relevant', () => {
    expect(averagePrecision(['b', 'a', 'c', 'x'], GRADES)).toBe(1);
    expect(averagePrecision(['x'], GRADES)).toBe(0);
    expect(averagePrecision([], GRADES)).toBe(0);
    expect(averagePrecision(['a'], {})).toBe(0);
    expect(averagePrecision(['a', 'b'], { a: 1, b: 0 })).toBe(1);
  });
});

describe('both measures', () => {
  it('rise, or stay, when a better document changes places with a worse one above it', () => {
    const ranking = fc.shuffledSubarray(['a', 'b', 'c', 'x', 'y', 'z'], { minLength: 2 });
    fc.assert(
      fc.property(ranking, fc.nat(), (ids, place) => {
        const at = place % (ids.length - 1);
        const [above, below] = [ids[at] as keyof typeof GRADES, ids[at + 1] as keyof typeof GRADES];
        const better = (GRADES[below] ?? 0) > (GRADES[above] ?? 0);
        const swapped = ids.with(at, below).with(at + 1, above);
        const [first, second] = better ? [swapped, ids] : [ids, swapped];
        expect(ndcg(first, GRADES, 10)).toBeGreaterThanOrEqual(ndcg(second, GRADES, 10) - 1e-12);
        expect(averagePrecision(first, GRADES)).toBeGreaterThanOrEqual(averagePrecision(second, GRADES) - 1e-12);
      }),
    );
  });
});
