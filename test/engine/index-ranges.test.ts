import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type IndexRange, mergeRanges, rangesBetween } from '../../dist/engine/index-ranges.js';

const TOTAL = 40;
const range: fc.Arbitrary<IndexRange> = fc
  .tuple(fc.nat(TOTAL - 1), fc.nat(TOTAL - 1))
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }));
const ranges = fc.array(range, { maxLength: 12 });

const indexes = (of: readonly IndexRange[]): number[] =>
  [...new Set(of.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => from + at)))].toSorted(
    (a, b) => a - b,
  );

it('ranges that are merged cover the same indexes, in order, apart from each other', () => {
  fc.assert(
    fc.property(ranges, (given) => {
      const before = structuredClone(given);
      const merged = mergeRanges(given);
      expect(given).toEqual(before);
      expect(indexes(merged)).toEqual(indexes(given));
      for (let at = 1; at < merged.length; at++) {
        expect((merged[at] as IndexRange).from).toBeGreaterThan((merged[at - 1] as IndexRange).to);
      }
    }),
  );
});

it('the ranges between cover exactly all other indexes up to the total, none of them empty', () => {
  fc.assert(
    fc.property(ranges, (given) => {
      const between = rangesBetween(given, TOTAL);
      const covered = new Set(indexes(given));
      expect(indexes(between)).toEqual(Array.from({ length: TOTAL }, (_, at) => at).filter((at) => !covered.has(at)));
      expect(between.every(({ from, to }) => to > from)).toBe(true);
      expect(mergeRanges(between)).toEqual(between);
    }),
  );
});

it('nothing done leaves everything, and no items leave nothing', () => {
  expect(rangesBetween([], 3)).toEqual([{ from: 0, to: 3 }]);
  expect(rangesBetween([], 0)).toEqual([]);
  expect(mergeRanges([])).toEqual([]);
});
