import { EventEmitter, on } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { range } from 'treadle';
import { describe, expect, it } from 'vitest';
import { itemSource } from '../../dist/engine/item-source.js';
import { counted, drain, opened } from '../support/opened-source.js';

const KINDS = {
  'an array': (items: number[]) => items,
  'a range': (items: number[]) => range(100, 100 + items.length),
  'a generator': (items: number[]) => counted(items).sync,
  'an async iterable': (items: number[]) => counted(items).async,
};

describe.each(Object.entries(KINDS))('items from %s', (kind, make) => {
  it('come every one once and in order, in cuts no larger than asked', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 120 }), sizes, async (length, sizesOfCuts) => {
        const items = Array.from({ length }, (_, at) => at + 100);
        const all = opened(make(items));
        expect(await drain(all, sizesOfCuts)).toEqual(items);
        expect(all.source).toMatchObject({ exhausted: true, rest: 0, total: length });
        expect(all.source.take(1)).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  it('come no more after close', async () => {
    const { source, take } = opened(make([100, 101, 102, 103]));
    await take(2);
    source.close();
    expect(source.take(1)).toBeNull();
    for (let turns = 0; turns < 3; turns++) await turn();
    expect([source.take(1), source.exhausted]).toEqual([null, true]);
  });

  it('tell their number as soon as it is known', async () => {
    const { source, take } = opened(make([100, 101, 102]));
    const known = kind === 'an array' || kind === 'a range';
    expect([source.total, source.rest]).toEqual(known ? [3, 3] : [null, null]);
    while ((await take(2)) !== null);
    expect([source.total, source.rest]).toEqual([3, 0]);
  });
});

describe.each(['sync', 'async'] as const)('an iterator (%s)', (kind) => {
  const open = (items: Iterable<number>, options?: { throwAt: number }) => {
    const { calls, [kind]: iterable } = counted(items, options);
    return { calls, ...opened(iterable) };
  };

  it('is told once to return on an early end, however often it is closed', async () => {
    const { calls, source, take } = open(range(0, 1_000));
    await take(5);
    source.close();
    source.close();
    await turn();
    await turn();
    expect(calls.return).toBe(1);
  });

  it('is told to return where nothing was taken', async () => {
    const { calls, source } = open(range(0, 1_000));
    source.close();
    await turn();
    expect(calls).toEqual({ next: 0, return: 1 });
  });

  it('is told to return once where the end comes while an item is awaited', async () => {
    const { calls, source, seen } = open(range(0, 1_000));
    source.take(10);
    source.close();
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(calls.return).toBe(1);
    expect(seen.errors).toEqual([]);
  });

  it('is not told to return after its natural end', async () => {
    const all = open(range(0, 10));
    await drain(all, [4]);
    all.source.close();
    await turn();
    expect(all.calls.return).toBe(0);
  });

  it('passes its error on once, and is not told to return after that', async () => {
    const { calls, source, seen, take } = open(range(0, 10), { throwAt: 5 });
    while ((await take(3)) !== null);
    source.close();
    await turn();
    expect(seen.errors.map(String)).toEqual(['RangeError: the iterator broke']);
    expect(calls).toEqual({ next: 6, return: 0 });
  });

  it('is pulled at most one cut ahead, and not at all while nothing is taken', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 }), async (sizes) => {
        const { calls, source, take } = open(range(0, 1_000_000));
        let taken = 0;
        let largest = 0;
        for (const size of sizes) {
          largest = Math.max(largest, size);
          const cut = await take(size);
          taken += cut === null ? 0 : cut.to - cut.from;
          expect(calls.next - taken).toBeLessThanOrEqual(largest);
        }
        for (let turns = 0; turns < 40; turns++) await turn();
        expect(calls.next - taken).toBeLessThanOrEqual(largest);
        source.close();
      }),
      { numRuns: 20 },
    );
  });

  it('that fails to return disturbs nobody', async () => {
    const next = () => ({ done: false as const, value: 1 });
    const fail = (): never => {
      throw new Error('no return');
    };
    const sync = { [Symbol.iterator]: () => ({ next, return: fail }) };
    const async = { [Symbol.asyncIterator]: () => ({ next: async () => next(), return: async () => fail() }) };
    const { source, take, seen } = opened(kind === 'sync' ? sync : async);
    await take(1);
    source.close();
    await turn();
    expect([source.exhausted, seen.errors]).toEqual([true, []]);
  });
});

describe('pulling', () => {
  it('never calls back from inside take, or the news would come before its answer', async () => {
    const calls: string[] = [];
    let inside = false;
    const call = (): unknown => calls.push(inside ? 'inside take' : 'later');
    function* broken(): Generator<number> {
      yield 1;
      throw new Error('broken');
    }
    const source = itemSource(broken(), { onReady: call, onError: call });
    for (let turns = 0; turns < 5; turns++) {
      inside = true;
      source.take(1);
      inside = false;
      await turn();
    }
    expect(calls.length).toBeGreaterThan(0);
    expect(calls).not.toContain('inside take');
  });

  it('hands the event loop back while slow items are pulled', async () => {
    let turns = 0;
    const count = (): void => {
      turns++;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    function* slow(): Generator<number> {
      for (let item = 0; item < 40; item++) {
        const end = performance.now() + 1;
        while (performance.now() < end);
        yield item;
      }
    }
    const { take } = opened(slow());
    const before = turns;
    const cut = await take(40);
    clearImmediate(immediate);
    expect(cut?.to).toBe(40);
    expect(turns - before).toBeGreaterThanOrEqual(3);
  });

  it('lets a generator return that closes its own task while it is asked for an item', async () => {
    let returned = 0;
    const closing = { close: (): void => {} };
    function* items(): Generator<number> {
      try {
        yield 1;
        closing.close();
        yield 2;
        yield 3;
      } finally {
        returned++;
      }
    }
    const { source, seen } = opened(items());
    closing.close = () => source.close();
    source.take(3);
    for (let turns = 0; turns < 3; turns++) await turn();
    expect([returned, source.take(3), seen.errors]).toEqual([1, null, []]);
  });

  it('tells an async iterator to return that waits for an item which may never come', async () => {
    const emitter = new EventEmitter();
    const { source } = opened(on(emitter, 'item'));
    source.take(1);
    await turn();
    expect(emitter.listenerCount('item')).toBe(1);
    source.close();
    await turn();
    expect(emitter.listenerCount('item')).toBe(0);
  });
});
