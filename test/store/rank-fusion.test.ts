import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FUSION_K, type FusedHit, type RankedList, fuse } from '../../dist/sqlite/rank-fusion.js';
import { expectRefused } from '../support/bad-values.js';

/** A list of ids, best first, with scores that fall. */
function ranked(ids: readonly string[], weight?: number): RankedList<string> {
  const hits = ids.map((id, at) => ({ id, score: 100 - at }));
  return weight === undefined ? { hits } : { hits, weight };
}

function idsOf(hits: readonly FusedHit<string>[]): string[] {
  return hits.map(({ id }) => id);
}

const ID = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
const LIST = fc.uniqueArray(ID, { maxLength: 8 });
const WEIGHT = fc.double({ min: 0.1, max: 10, noNaN: true });
const LISTS = fc.array(
  fc.tuple(LIST, WEIGHT).map(([ids, weight]) => ranked(ids, weight)),
  { maxLength: 4 },
);

describe('reciprocal rank fusion', () => {
  it('sums weight / (k + rank) over the lists, and says where each had the hit', () => {
    const fused = fuse([ranked(['a', 'b', 'c']), ranked(['c', 'a'], 0.5)], 60);
    expect(fused).toEqual([
      {
        id: 'a',
        score: 1 / 61 + 0.5 / 62,
        places: [
          { rank: 1, score: 100 },
          { rank: 2, score: 99 },
        ],
      },
      {
        id: 'c',
        score: 1 / 63 + 0.5 / 61,
        places: [
          { rank: 3, score: 98 },
          { rank: 1, score: 100 },
        ],
      },
      { id: 'b', score: 1 / 62, places: [{ rank: 2, score: 99 }, null] },
    ]);
  });

  it('puts what two lists have in the middle above what one has on top, unless k is small', () => {
    const lists = [ranked(['a', 'x', 'both']), ranked(['b', 'y', 'both'])];
    expect(idsOf(fuse(lists))).toEqual(['both', 'a', 'b', 'x', 'y']);
    expect(idsOf(fuse(lists, 0))).toEqual(['a', 'b', 'both', 'x', 'y']);
  });

  it('lets a list of weight 0 find nothing, and still tells what it had', () => {
    const [only, ...none] = fuse([ranked(['a']), ranked(['b', 'a'], 0)]);
    expect(only).toEqual({
      id: 'a',
      score: 1 / (FUSION_K + 1),
      places: [
        { rank: 1, score: 100 },
        { rank: 2, score: 99 },
      ],
    });
    expect(none).toEqual([]);
  });

  it('of equal scores prefers the better single place, then the earlier list', () => {
    expect(idsOf(fuse([ranked(['a', 'c']), ranked(['b', 'd'])]))).toEqual(['a', 'b', 'c', 'd']);
    expect(idsOf(fuse([ranked(['b', 'd']), ranked(['a', 'c'])]))).toEqual(['b', 'a', 'd', 'c']);
    // 2 / (1 + 1) and 1 / (1 + 0) with k = 0: the first of one list and the second of one that counts twice.
    expect(idsOf(fuse([ranked(['x', 'second'], 2), ranked(['first'])], 0))).toEqual(['x', 'first', 'second']);
  });

  it('puts the first of a list that counts half level with the fourth of the other, unless told otherwise', () => {
    const lists = [ranked(['a', 'b', 'c', 'd', 'e']), ranked(['x'], 0.5)];
    expect(idsOf(fuse(lists))).toEqual(['a', 'b', 'c', 'x', 'd', 'e']);
    expect(idsOf(fuse(lists, 60)).at(-1)).toBe('x');
  });

  it('counts an id that a list has twice where it comes first', () => {
    const twice = fuse([ranked(['a', 'b', 'a'])]);
    expect(twice).toEqual(fuse([ranked(['a', 'b'])]));
  });

  it('gives nothing for no lists and for empty ones', () => {
    expect(fuse([])).toEqual([]);
    expect(fuse([ranked([]), ranked([])])).toEqual([]);
  });

  it('has each id of the lists exactly once, in the order of the formula', () => {
    fc.assert(
      fc.property(LISTS, fc.integer({ min: 0, max: 100 }), (lists, k) => {
        const fused = fuse(lists, k);
        expect(idsOf(fused).sort()).toEqual([...new Set(lists.flatMap(({ hits }) => hits.map(({ id }) => id)))].sort());
        for (const [at, { id, score, places }] of fused.entries()) {
          const expected = lists.map(({ hits, weight = 1 }) => {
            const index = hits.findIndex((hit) => hit.id === id);
            return index < 0 ? 0 : weight / (k + index + 1);
          });
          expect(score).toBeCloseTo(
            expected.reduce((sum, part) => sum + part, 0),
            12,
          );
          expect(score).toBeLessThanOrEqual(fused[at - 1]?.score ?? Infinity);
          for (const [list, place] of places.entries()) {
            expect(lists[list]?.hits[(place?.rank ?? 0) - 1]).toEqual(
              place === null ? undefined : { id, score: place.score },
            );
          }
        }
      }),
    );
  });

  it('leaves the order of a single list, and of lists that agree, as it is', () => {
    fc.assert(
      fc.property(LIST, fc.array(WEIGHT, { minLength: 1, maxLength: 4 }), (ids, weights) => {
        expect(idsOf(fuse(weights.map((weight) => ranked(ids, weight))))).toEqual(ids);
      }),
    );
  });

  it('depends on the ratio of weights only', () => {
    fc.assert(
      fc.property(LISTS, (lists) => {
        // A power of two, so that not even rounding differs.
        const heavier = lists.map(({ hits, weight = 1 }) => ({ hits, weight: weight * 4 }));
        expect(idsOf(fuse(heavier))).toEqual(idsOf(fuse(lists)));
      }),
    );
  });

  it('never ranks a hit lower because another list found it too', () => {
    fc.assert(
      fc.property(LISTS, ID, WEIGHT, (lists, id, weight) => {
        const place = (hits: readonly FusedHit<string>[]): number => idsOf(hits).indexOf(id);
        const before = place(fuse(lists));
        const after = place(fuse([...lists, ranked([id], weight)]));
        expect(after).toBeGreaterThanOrEqual(0);
        if (before >= 0) expect(after).toBeLessThanOrEqual(before);
      }),
    );
  });

  it.each([
    ['k', [], -1, '-1 (number)'],
    ['k', [], Number.NaN, 'NaN (number)'],
    ['k', [], '60', '"60" (string)'],
    ['lists[1].weight', [ranked(['a']), ranked(['a'], -2)], 60, '-2 (number)'],
    ['lists[0].weight', [ranked([], Infinity)], 60, 'Infinity (number)'],
  ])('refuses a bad %s', async (name, lists, k, shown) => {
    await expectRefused(() => fuse(lists, k as number), name, shown);
  });
});
