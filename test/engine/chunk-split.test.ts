import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOf, splitChunk } from '../../dist/engine/chunk-split.js';
import type { Chunk } from '../../dist/engine/lanes.js';

const chunk = (from: number, to: number, more: Partial<Chunk> = {}): Chunk => ({
  taskIds: ['task'],
  type: 0,
  phase: 'run',
  attempt: 3,
  failures: 2,
  fresh: false,
  killable: true,
  resends: 1,
  inputs: ['input'],
  from,
  to,
  items: Array.from({ length: to - from }, (_, at) => `item ${from + at}`),
  describe: false,
  boxMs: 50,
  ...more,
});

/** A chunk of at least two items, and one of them. */
const several = fc
  .tuple(fc.nat(1_000), fc.integer({ min: 2, max: 300 }))
  .chain(([from, count]) =>
    fc.tuple(fc.constant(chunk(from, from + count)), fc.integer({ min: from, max: from + count - 1 })),
  );

function isTiling(parts: readonly Chunk[], { from, to }: Chunk): void {
  expect(parts.every((part) => Number.isInteger(part.from) && part.to > part.from)).toBe(true);
  expect([from, ...parts.map((part) => part.to)]).toEqual([...parts.map((part) => part.from), to]);
  expect(parts.flatMap((part) => part.items)).toEqual(parts.flatMap((part) => chunk(part.from, part.to).items));
}

describe('a chunk that is split', () => {
  it('has every item in exactly one part, in order, against which nothing is held yet', () => {
    fc.assert(
      fc.property(several, fc.boolean(), ([whole, suspect], known) => {
        const parts = splitChunk(whole, known ? suspect : null);
        isTiling(parts, whole);
        for (const part of parts) {
          expect(part).toMatchObject({ attempt: 4, failures: 0, resends: 0, inputs: whole.inputs, phase: 'run' });
          expect(part.to - part.from).toBeLessThan(whole.to - whole.from);
        }
      }),
    );
  });

  it('has its suspect alone', () => {
    fc.assert(
      fc.property(several, ([whole, suspect]) => {
        const alone = splitChunk(whole, suspect).filter(({ from, to }) => from <= suspect && suspect < to);
        expect(alone.map(({ from, to, items }) => ({ from, to, items }))).toEqual([
          { from: suspect, to: suspect + 1, items: [`item ${suspect}`] },
        ]);
      }),
    );
  });

  it('in halves comes down to any one item in no more steps than there are bits', () => {
    fc.assert(
      fc.property(several, ([whole, wanted]) => {
        let at = whole;
        let steps = 0;
        while (at.to - at.from > 1) {
          at = splitChunk(at, null).find(({ from, to }) => from <= wanted && wanted < to) as Chunk;
          steps++;
        }
        expect(at.items).toEqual([`item ${wanted}`]);
        expect(steps).toBeLessThanOrEqual(Math.ceil(Math.log2(whole.to - whole.from)));
      }),
    );
  });

  it('of numbers keeps what they are shifted by', () => {
    const parts = splitChunk(chunk(4, 8, { items: undefined, offset: 100 }), 5);
    expect(parts.map(({ from, to, items, offset }) => [from, to, items, offset])).toEqual([
      [4, 5, undefined, 100],
      [5, 6, undefined, 100],
      [6, 8, undefined, 100],
    ]);
    expect(partOf(chunk(4, 8), 6, 7).items).toEqual(['item 6']);
  });

  it.each([0.5, -3, 4.5])('is cut between items, whatever a task counted: %d after its first', (counted) => {
    const whole = chunk(10, 20);
    isTiling(splitChunk(whole, whole.from + counted), whole);
  });
});
