import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChunkQueue } from '../../dist/engine/chunk-queue.js';
import type { Chunk } from '../../dist/engine/lanes.js';
import { ManualClock } from '../support/manual-clock.js';

const chunk = (from: number): Chunk => ({ from }) as Chunk;

type Step = { readonly add: number } | { readonly pass: number } | 'take' | 'clear';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.constantFrom(-5, 0, 0, 1, 10, 100) }) },
  { weight: 2, arbitrary: fc.record({ pass: fc.constantFrom(0, 1, 9, 50) }) },
  { weight: 3, arbitrary: fc.constant('take' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

it('gives each chunk out once, not before its time, first those that were due first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock(0);
      let told = 0;
      const queue = new ChunkQueue(clock, { onDue: () => void told++ });
      let waiting: { readonly at: number; readonly from: number }[] = [];
      let due: number[] = [];
      let expectTold = 0;
      for (const [from, what] of steps.entries()) {
        if (what === 'take') {
          expect(queue.take()?.from).toBe(due.shift());
        } else if (what === 'clear') {
          queue.clear();
          [waiting, due] = [[], []];
        } else if ('add' in what) {
          queue.add(chunk(from), what.add);
          if (what.add > 0) waiting.push({ at: clock.now() + what.add, from });
          else due.push(from);
        } else {
          clock.advance(what.pass);
          const over = waiting.filter(({ at }) => at <= clock.now()).toSorted((a, b) => a.at - b.at);
          waiting = waiting.filter(({ at }) => at > clock.now());
          due.push(...over.map((entry) => entry.from));
          expectTold += over.length;
        }
        expect([queue.size, queue.waiting, queue.due]).toEqual([
          waiting.length + due.length,
          waiting.length,
          due.length,
        ]);
        expect(clock.timers).toBe(waiting.length);
      }
      expect(told).toBe(expectTold);
    }),
  );
});

it('tells of a chunk that is due when it can be taken already', () => {
  const clock = new ManualClock(0);
  const taken: unknown[] = [];
  const queue = new ChunkQueue(clock, { onDue: () => void taken.push(queue.take()?.from, queue.size) });
  queue.add(chunk(7), 10);
  clock.advance(10);
  expect(taken).toEqual([7, 0]);
});
