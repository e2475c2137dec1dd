import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { PendingQueue } from '../../dist/engine/pending-queue.js';
import { Task } from '../../dist/engine/task.js';
import { ManualClock } from '../support/manual-clock.js';

function taskOf(id: string, type: string, priority: number): Task {
  const identity = { id, type, resourceId: null, group: null, owner: null, meta: null };
  return new Task(identity, { input: undefined, items: null }, priority, new ManualClock(), { onTransition: () => {} });
}

type Operation =
  | { readonly add: { readonly type: string; readonly priority: number } }
  | { readonly remove: number }
  | { readonly take: readonly string[] };

const type = fc.constantFrom('x', 'x', 'x', 'y', 'z');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.record({ type, priority: fc.constantFrom(-5, 0, 5) }) }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ take: fc.subarray(['x', 'y', 'z']) }) },
);

it('gives tasks out by priority, first in first out, of the types that may start, and a cancel leaves the order of the others', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const queue = new PendingQueue();
      const added: Task[] = [];
      let waiting: Task[] = [];
      for (const step of operations) {
        if ('add' in step) {
          const task = taskOf(`task ${added.length}`, step.add.type, step.add.priority);
          added.push(task);
          queue.add(task);
          // The sort is stable: among equals the first stays first.
          waiting = [...waiting, task].sort((a, b) => b.priority - a.priority);
        } else if ('remove' in step) {
          const task = added[step.remove];
          if (task === undefined) continue;
          expect(queue.remove(task)).toBe(waiting.includes(task));
          waiting = waiting.filter((other) => other !== task);
        } else {
          const expected = waiting.find((task) => step.take.includes(task.identity.type)) ?? null;
          expect(queue.take((of) => step.take.includes(of))).toBe(expected);
          waiting = waiting.filter((task) => task !== expected);
        }
        expect(queue.size).toBe(waiting.length);
        expect(new Set(queue)).toEqual(new Set(waiting));
      }
    }),
  );
});

it('keeps the order of the neighbours of those that leave, in whatever order they leave', () => {
  const numbers = Array.from({ length: 10 }, (_, at) => at);
  fc.assert(
    fc.property(fc.shuffledSubarray(numbers), (leaving) => {
      const queue = new PendingQueue();
      const tasks = numbers.map((at) => taskOf(`task ${at}`, 'x', 0));
      for (const task of tasks) queue.add(task);
      for (const at of leaving) expect(queue.remove(tasks[at] as Task)).toBe(true);
      const left = tasks.filter((_, at) => !leaving.includes(at));
      expect(left.map(() => queue.take(() => true))).toEqual(left);
      expect([queue.take(() => true), queue.size]).toEqual([null, 0]);
    }),
  );
});

it('takes out a task in the middle without a look at the others', () => {
  const queue = new PendingQueue();
  let looks = 0;
  const tasks = Array.from({ length: 1_000 }, (_, at) => {
    const task = taskOf(`task ${at}`, 'x', 0);
    queue.add(task);
    return Object.defineProperty(task, 'priority', { get: () => (looks++, 0) });
  });
  expect(queue.remove(tasks[500] as Task)).toBe(true);
  expect(looks).toBe(0);
  const order = Array.from({ length: 999 }, () => queue.take(() => true)?.id);
  expect(order).toEqual(tasks.filter((_, at) => at !== 500).map(({ id }) => id));
});
