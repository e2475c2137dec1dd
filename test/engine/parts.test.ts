import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Parts } from '../../dist/engine/parts.js';

interface Piece {
  readonly from: number;
  readonly count: number;
  readonly skipped: boolean;
}

/** Pieces that follow each other, in any order; some of them skipped, some missing at the end. */
const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.boolean()), { maxLength: 15 }).chain((cuts) => {
  let from = 0;
  const all = cuts.map(([count, skipped]): Piece => ({ from: (from += count) - count, count, skipped }));
  return fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }));
});

function fill(order: readonly Piece[], valueOf: (piece: Piece) => unknown): Parts {
  const parts = new Parts();
  for (const piece of order) {
    if (piece.skipped) parts.skip({ from: piece.from, to: piece.from + piece.count });
    else parts.add(piece.from, piece.count, valueOf(piece));
  }
  return parts;
}

const values = ({ from, count }: Piece): string[] => Array.from({ length: count }, (_, at) => `value ${from + at}`);

describe('what chunks returned', () => {
  it('is one value for each item in order, with a hole for each that was skipped', () => {
    fc.assert(
      fc.property(pieces, ([all, order]) => {
        const parts = fill(order, values);
        const total = all.reduce((sum, { count }) => sum + count, 0);
        expect(parts.items).toBe(total);
        expect(parts.flat()).toEqual(
          all.flatMap((piece) =>
            piece.skipped ? Array.from({ length: piece.count }, () => undefined) : values(piece),
          ),
        );
      }),
    );
  });

  it('is one part for each chunk in order, for finish, without what was skipped', () => {
    fc.assert(
      fc.property(pieces, ([all, order]) => {
        const parts = fill(order, ({ from }) => ({ from }));
        expect(parts.inOrder()).toEqual(all.filter(({ skipped }) => !skipped).map(({ from }) => ({ from })));
      }),
    );
  });

  it('tells which items were not done, skipped ones included', () => {
    fc.assert(
      fc.property(pieces, fc.nat(5), fc.nat(3), ([all, order], more, missing) => {
        const there = order.slice(0, Math.max(0, order.length - missing));
        const total = all.reduce((sum, { count }) => sum + count, 0) + more;
        const done = new Set(
          there
            .filter(({ skipped }) => !skipped)
            .flatMap(({ from, count }) => Array.from({ length: count }, (_, at) => from + at)),
        );
        const undone = fill(there, values).undone(total);
        expect(undone.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => from + at))).toEqual(
          Array.from({ length: total }, (_, at) => at).filter((at) => !done.has(at)),
        );
      }),
    );
  });

  it('is undefined where `run` returned nothing, and holes only where everything was skipped', () => {
    expect(fill([{ from: 0, count: 2, skipped: false }], () => undefined).flat()).toBeUndefined();
    expect(fill([{ from: 0, count: 2, skipped: true }], values).flat()).toEqual([undefined, undefined]);
    expect(new Parts().flat()).toEqual([]);
  });

  it('may come in very many parts', () => {
    const parts = new Parts();
    for (let at = 0; at < 25_000; at++) parts.add(at, 1, [at]);
    expect(parts.flat()).toEqual(Array.from({ length: 25_000 }, (_, at) => at));
  });
});
