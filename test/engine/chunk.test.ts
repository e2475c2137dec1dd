import * as fc from 'fast-check';
import { range } from 'treadle';
import { describe, expect, it } from 'vitest';
import { ChunkSizer, type ResolvedChunkOptions, resolveChunkOptions } from '../../dist/engine/chunk.js';
import { type Cut, itemSource } from '../../dist/engine/item-source.js';

interface Sent extends Cut {
  readonly fresh: boolean;
}

interface Cutting {
  readonly total: number;
  readonly threads: number;
  readonly options: ResolvedChunkOptions;
  /** Milliseconds of each item, over and over. */
  readonly costsMs: readonly number[];
  /** Which flight ends next, and how much of it was done: fractions, over and over. */
  readonly draws: readonly number[];
}

/** Cuts a range as a task in progress does: what was done in part is cut again, the rest comes from the source. */
function cutAll({ total, threads, options, costsMs, draws }: Cutting, onCut: (cut: Sent, sizer: State) => void) {
  const sizer = new ChunkSizer(options);
  const source = itemSource(range(0, total), { onReady: () => {}, onError: () => {} });
  const flights: Sent[] = [];
  const again: Sent[] = [];
  const done: (readonly [from: number, to: number])[] = [];
  let lately = 0;
  let at = 0;
  const draw = (): number => draws[at++ % draws.length] as number;
  for (;;) {
    while (flights.length < threads) {
      const rest = source.rest;
      const repeated = again.shift();
      const cut = repeated ?? source.take(sizer.next(rest, threads));
      if (cut === null) break;
      const sent: Sent = { from: cut.from, to: cut.to, fresh: repeated === undefined };
      onCut(sent, { lately, rest: rest ?? 0 });
      flights.push(sent);
    }
    const [flight] = flights.splice(Math.floor(draw() * flights.length), 1);
    if (flight === undefined) return done;
    const size = flight.to - flight.from;
    const items = Math.max(1, Math.ceil(draw() * size));
    let ms = 0;
    for (let item = flight.from; item < flight.from + items; item++) ms += costsMs[item % costsMs.length] as number;
    sizer.record(ms, items);
    lately = lately / 2 + items;
    done.push([flight.from, flight.from + items]);
    if (items < size) again.push({ from: flight.from + items, to: flight.to, fresh: false });
  }
}

interface State {
  /** Items done, those of each chunk for half of what those of the next one are. */
  readonly lately: number;
  readonly rest: number;
}

const options = fc
  .record({
    targetMs: fc.constantFrom(1, 25, 500),
    min: fc.integer({ min: 1, max: 40 }),
    more: fc.integer({ min: 0, max: 5_000 }),
  })
  .map(({ targetMs, min, more }) => resolveChunkOptions({ targetMs, min, max: min + more }));
const fraction = fc.double({ min: 0, max: 0.999_999, noNaN: true });
const cutting: fc.Arbitrary<Cutting> = fc.record({
  total: fc.integer({ min: 0, max: 1_000 }),
  threads: fc.integer({ min: 1, max: 8 }),
  options: fc.oneof(fc.constant(resolveChunkOptions()), options),
  costsMs: fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0.0001, max: 200, noNaN: true })), {
    minLength: 1,
    maxLength: 20,
  }),
  draws: fc.oneof(fc.constant([0.999_999]), fc.array(fraction, { minLength: 1, maxLength: 30 })),
});

describe('cutting', () => {
  it('does every item exactly once, whatever the costs and however much of each chunk was done', () => {
    fc.assert(
      fc.property(cutting, (given) => {
        const done = cutAll(given, () => {}).sort((a, b) => a[0] - b[0]);
        const ends = done.map(([, to]) => to);
        expect(done.map(([from]) => from)).toEqual(done.length === 0 ? [] : [0, ...ends.slice(0, -1)]);
        expect(ends.at(-1) ?? 0).toBe(given.total);
      }),
    );
  });

  it('cuts in order, from 1 item on, to at most eight times what was done of late, within min and max', () => {
    fc.assert(
      fc.property(cutting, (given) => {
        const { min, max } = given.options;
        const wrong: string[] = [];
        let at = 0;
        cutAll(given, (cut, { lately }) => {
          if (!cut.fresh) return;
          const size = cut.to - cut.from;
          if (cut.from !== at) wrong.push(`starts at ${cut.from}, not ${at}`);
          if (size > max) wrong.push(`${size} is over max`);
          if (size < min && cut.to < given.total) wrong.push(`${size} is under min`);
          if (size > Math.max(min, 1, 8 * lately)) wrong.push(`${size} is too many after ${lately}`);
          at = cut.to;
        });
        expect(wrong).toEqual([]);
        expect(at).toBe(given.total);
      }),
    );
  });

  it('splits the tail, so that no thread works on alone, down to chunks that are hardly worth a message', () => {
    fc.assert(
      fc.property(cutting, (given) => {
        const wrong: string[] = [];
        cutAll(given, (cut, { rest }) => {
          const share = Math.max(given.options.min, Math.ceil(rest / (2 * given.threads)));
          const size = cut.to - cut.from;
          // A little more than a tie, which rounding may decide either way.
          const worthwhile = size * Math.min(...given.costsMs) > (given.options.targetMs / 32) * (1 + 1e-9);
          if (cut.fresh && size > share && worthwhile) wrong.push(`${size} of ${rest}`);
        });
        expect(wrong).toEqual([]);
      }),
    );
  });
});

describe('the size of a chunk', () => {
  const afterMany = (sizer: ChunkSizer, costMs: number): number => {
    for (let chunk = 0; chunk < 20; chunk++) {
      const size = sizer.next(null, 2);
      sizer.record(size * costMs, size);
    }
    return sizer.next(null, 2);
  };

  it.each([0.001, 0.05, 1, 3, 30])('comes to what takes the target at a cost of %d ms for each item', (costMs) => {
    const size = afterMany(new ChunkSizer(resolveChunkOptions()), costMs);
    const wanted = Math.max(1, 25 / costMs);
    expect(Math.abs(size - wanted)).toBeLessThanOrEqual(Math.max(1, wanted * 0.01));
  });

  it('follows a cost that drifts', () => {
    const sizer = new ChunkSizer(resolveChunkOptions());
    afterMany(sizer, 0.01);
    expect(Math.abs(afterMany(sizer, 1) - 25)).toBeLessThanOrEqual(1);
    expect(Math.abs(afterMany(sizer, 0.1) - 250)).toBeLessThanOrEqual(3);
  });

  it('stays 1 until something has come back, so that threads do not commit to a cost nobody knows', () => {
    const sizer = new ChunkSizer(resolveChunkOptions());
    expect([1, 2, 3].map(() => sizer.next(1_000_000, 2))).toEqual([1, 1, 1]);
    sizer.record(0.001, 1);
    expect(sizer.next(1_000_000, 2)).toBe(8);
  });

  it('takes a chunk that cost much at its word, however many cheap items went before', () => {
    const sizer = new ChunkSizer(resolveChunkOptions());
    afterMany(sizer, 0.0001);
    sizer.record(50, 5);
    expect(sizer.next(null, 2)).toBe(2);
  });

  it('stays what it was when a few items come back alone', () => {
    const sizer = new ChunkSizer(resolveChunkOptions());
    const size = afterMany(sizer, 0.001);
    sizer.record(0.002, 2);
    expect(sizer.next(null, 2)).toBe(size);
  });

  it('grows to max where items cost nothing that can be measured', () => {
    expect(afterMany(new ChunkSizer(resolveChunkOptions({ max: 5_000 })), 0)).toBe(5_000);
  });

  it('learns nothing from a chunk of which no item was done', () => {
    const sizer = new ChunkSizer(resolveChunkOptions());
    sizer.record(0.001, 1);
    sizer.record(1_000, 0);
    expect(sizer.next(null, 2)).toBe(8);
  });
});
