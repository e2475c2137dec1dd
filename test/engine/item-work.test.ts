import * as fc from 'fast-check';
import { TreadleError } from 'treadle';
import { describe, expect, it } from 'vitest';
import type { Cut } from '../../dist/engine/item-source.js';
import type { Chunk } from '../../dist/engine/lanes.js';
import type { ItemFailure } from '../../dist/engine/protocol.js';
import { chunkOf, workOn } from '../support/item-work-bench.js';

interface Given {
  readonly kinds: readonly ('fine' | 'throws' | 'permanent' | 'flaky' | 'kills')[];
  readonly retries: number;
  readonly skips: boolean;
  readonly min: number;
  readonly delayMs: number;
  /** How many items a chunk comes past before its time is up, over and over. */
  readonly boxes: readonly number[];
  readonly each: boolean;
}

const given: fc.Arbitrary<Given> = fc.record({
  kinds: fc.array(fc.constantFrom('fine', 'fine', 'fine', 'fine', 'throws', 'permanent', 'flaky', 'kills'), {
    maxLength: 30,
  }),
  retries: fc.nat(2),
  skips: fc.boolean(),
  min: fc.integer({ min: 1, max: 12 }),
  delayMs: fc.constantFrom(0, 0, 10),
  boxes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
  each: fc.boolean(),
});

/** Works items off on a thread that is made up: each item fails as its kind says, `flaky` ones the first time only. */
function workOff({ kinds, retries, skips, min, delayMs, boxes, each }: Given) {
  const items = kinds.map((_, at) => `item ${at}`);
  const { work, task, again, clock } = workOn(items, { chunk: { min, max: min }, skips, retries, delayMs });
  const tries = kinds.map(() => 0);
  let turns = 0;
  let boxed = 0;

  const fails = (at: number): boolean => {
    tries[at] = (tries[at] as number) + 1;
    return kinds[at] === 'flaky' ? tries[at] === 1 : kinds[at] !== 'fine';
  };
  const messageOf = (at: number): ItemFailure['error'] => ({
    name: 'Error',
    message: `item ${at}`,
    permanent: kinds[at] === 'permanent' ? true : undefined,
  });
  const errorOf = (at: number): TreadleError =>
    new TreadleError(kinds[at] === 'kills' ? 'WORKER_EXITED' : 'TASK_FAILED', `item ${at}`, {
      details: kinds[at] === 'permanent' ? { item: at, permanent: true } : { item: at },
    });

  /** What a thread makes of a chunk. Returns the error that ends the task. */
  const fly = (chunk: Chunk): TreadleError | null => {
    expect(chunk.items).toEqual(items.slice(chunk.from, chunk.to));
    const value: string[] = [];
    const failed: ItemFailure[] = [];
    const box = each ? (boxes[boxed++ % boxes.length] as number) : Infinity;
    for (let at = chunk.from; at < chunk.to && value.length < box; at++) {
      const failing = fails(at);
      if (failing && kinds[at] === 'kills') {
        if (chunk.to - chunk.from > 1) return (work.split(chunk, each ? at : null), null);
        return work.failed(chunk, errorOf(at), 1);
      }
      if (failing && each && !skips) {
        return work.threw(chunk, { done: value.length, ms: 1, value }, errorOf(at));
      }
      if (failing && !each) return work.failed(chunk, errorOf(at));
      if (failing) failed.push({ index: at, error: messageOf(at) });
      value.push(`done ${at}`);
    }
    return (work.returned(chunk, { done: value.length, ms: value.length, value, failed }), null);
  };

  for (;;) {
    if (++turns > 5_000) throw new Error('It goes on for ever');
    const cut = again.due === 0 ? work.cut(1) : null;
    const next: Chunk | undefined = cut === null ? again.take() : chunkOf(cut);
    if (next === undefined) {
      if (again.size === 0) return { task, work, tries, error: null };
      clock.advance(delayMs);
      continue;
    }
    const error = fly(next);
    if (error !== null) return { task, work, tries, error };
  }
}

describe('the items of a task', () => {
  const property = (check: (of: Given, worked: ReturnType<typeof workOff>) => void): void =>
    fc.assert(
      fc.property(given, (of) => check(of, workOff(of))),
      { numRuns: 300 },
    );
  /** Whether an item comes through in the end; null where its one failure may have been that of a larger chunk. */
  const comesThrough = ({ kinds, retries, each, skips }: Given, at: number): boolean | null => {
    if (kinds[at] === 'flaky') return (retries > 0 && (each || skips)) || null;
    return kinds[at] === 'fine';
  };

  it('are all over in the end, each done or left out, where they may be left out', () => {
    property((of, { work, task, error }) => {
      if (!of.skips) return;
      expect(error).toBeNull();
      expect([work.allCut, work.allOver]).toEqual([true, true]);
      const { count, items } = task.failedItems.snapshot();
      const named = items.map(({ index }) => index);
      for (const at of of.kinds.keys()) {
        const through = comesThrough(of, at);
        if (through !== null) expect(named.includes(at)).toBe(!through);
      }
      expect(count).toBe(named.length);
      expect(work.results() ?? []).toEqual(of.kinds.map((_, at) => (named.includes(at) ? undefined : `done ${at}`)));
      expect(
        work.undone()?.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, more) => from + more)),
      ).toEqual(named);
      expect(work.parts().flat()).toEqual(of.kinds.flatMap((_, at) => (named.includes(at) ? [] : [`done ${at}`])));
      expect(task.progress.done).toBe(of.kinds.length);
    });
  });

  it('fail the task with the error of one that is to blame, where they may not be left out', () => {
    property((of, { work, task, error }) => {
      if (of.skips) return;
      expect(task.failedItems.count).toBe(0);
      if (error === null) {
        expect(of.kinds.every((_, at) => comesThrough(of, at) !== false)).toBe(true);
        expect(work.allOver).toBe(true);
        expect(work.results() ?? []).toEqual(of.kinds.map((_, at) => `done ${at}`));
        return;
      }
      const blamed = error.details?.['item'] as number;
      expect(comesThrough(of, blamed)).not.toBe(true);
      const undone = work.undone() ?? [];
      expect(undone.some(({ from, to }) => from <= blamed && blamed < to)).toBe(true);
      expect(task.progress.done).toBe(of.kinds.length - undone.reduce((sum, { from, to }) => sum + to - from, 0));
    });
  });

  it('with `each` are tried as often as the policy says, and what is done is not done again', () => {
    property((of, { tries, error }) => {
      if (!of.each || of.kinds.includes('kills')) return;
      if (of.skips && Math.min(...of.boxes) < of.min) return;
      for (const [at, kind] of of.kinds.entries()) {
        // Where the task failed, some were not come to.
        const wanted =
          kind === 'fine' || kind === 'permanent' ? 1 : kind === 'flaky' ? Math.min(2, 1 + of.retries) : 1 + of.retries;
        if (error === null) expect(tries[at]).toBe(wanted);
        else expect(tries[at]).toBeLessThanOrEqual(wanted);
      }
    });
  });

  it('keep their budget where a chunk that is tried again runs out of its time', () => {
    const of: Given = {
      kinds: ['throws', 'throws'],
      retries: 1,
      skips: true,
      min: 2,
      delayMs: 0,
      boxes: [2, 1],
      each: true,
    };
    expect(workOff(of).tries).toEqual([2, 2]);
  });
});

describe('what a chunk does not come to in its time', () => {
  const items = Array.from({ length: 1_000 }, (_, at) => `item ${at}`);
  const threads = 2;
  /** All items are cut, and the last chunk took its time for the first five of it. */
  const boxed = () => {
    const made = workOn(items, {});
    for (;;) {
      const cut = made.work.cut(threads) as Cut;
      const count = cut.to - cut.from;
      const slow = made.work.allCut;
      made.work.returned(chunkOf(cut), slow ? { done: 5, ms: 50 } : { done: count, ms: count * 0.0001 });
      if (slow) return { ...made, from: cut.from + 5 };
    }
  };

  it('is cut again by what an item turned out to cost, so that all threads share it', () => {
    const { work, from } = boxed();
    expect([work.allCut, from + 100 < items.length]).toEqual([false, true]);
    // Two items of 10 ms take about the target.
    for (const begin of [from, from + 2]) {
      expect(work.cut(threads)).toMatchObject({ from: begin, to: begin + 2, items: items.slice(begin, begin + 2) });
    }
    let at = from + 4;
    for (let cut = work.cut(threads); cut !== null; at = cut.to, cut = work.cut(threads)) {
      expect(cut).toMatchObject({ from: at, items: items.slice(at, cut.to) });
    }
    expect([at, work.allCut]).toEqual([items.length, true]);
  });

  it('is not cut any more when the task stops', () => {
    const { work } = boxed();
    work.close();
    expect([work.cut(threads), work.allCut]).toEqual([null, true]);
  });
});
