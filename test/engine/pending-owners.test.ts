import { queryObjects } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OwnerQueue, WaitingOwner } from '../../dist/engine/owner-queue.js';
import { PendingQueue } from '../../dist/engine/pending-queue.js';
import { Task } from '../../dist/engine/task.js';
import { ManualClock } from '../support/manual-clock.js';

const OWNERS = [null, 'a', 'b', 'c'];
const TYPES = ['x', 'y', 'z'];

function taskOf(id: string, owner: string | null, type = 'x', priority = 0): Task {
  const identity = { id, type, resourceId: null, group: null, owner, meta: null };
  return new Task(identity, { input: undefined, items: null }, priority, new ManualClock(), { onTransition: () => {} });
}

/** What the queue should do, said as plainly as can be: nothing but lists that are searched from end to end. */
class Model {
  readonly slots = new Map<string | null, number>();
  waiting: { readonly task: Task; order: number }[] = [];
  /** Since when an owner waits for its turn with a type, in turns. */
  readonly #since = new Map<string, number>();
  #turns = 0;
  #last = 0;
  #first = 0;

  add(task: Task, first = false): void {
    const { owner, type } = task.identity;
    if (this.#of(owner, type).length === 0) this.#since.set(`${owner} ${type}`, ++this.#turns);
    this.waiting.push({ task, order: first ? --this.#first : ++this.#last });
  }

  remove(task: Task): boolean {
    const before = this.waiting.length;
    this.waiting = this.waiting.filter((other) => other.task !== task);
    return this.waiting.length < before;
  }

  setPriority(task: Task): void {
    for (const entry of this.waiting) if (entry.task === task) entry.order = ++this.#last;
  }

  take(types: readonly string[]): Task | null {
    const owner = this.#nextOwner(types, (name) => this.slots.get(name) ?? 0);
    return owner === undefined ? null : this.#serve(owner, types);
  }

  takeOf(type: string): Task | null {
    const owner = this.#nextOwner([type], () => 0);
    return owner === undefined ? null : this.#serve(owner, [type]);
  }

  #nextOwner(types: readonly string[], slotsOf: (owner: string | null) => number): string | null | undefined {
    const candidates = OWNERS.flatMap((owner) =>
      types
        .filter((type) => this.#of(owner, type).length > 0)
        .map((type) => ({ owner, slots: slotsOf(owner), since: this.#since.get(`${owner} ${type}`) as number })),
    );
    return candidates.sort((a, b) => a.slots - b.slots || a.since - b.since)[0]?.owner;
  }

  #serve(owner: string | null, types: readonly string[]): Task {
    const all = types.flatMap((type) => this.#of(owner, type));
    const [first] = all.sort((a, b) => b.task.priority - a.task.priority || a.order - b.order);
    const task = first?.task as Task;
    this.remove(task);
    this.#turns++;
    for (const type of TYPES) this.#since.set(`${owner} ${type}`, this.#turns);
    return task;
  }

  #of(owner: string | null, type: string) {
    return this.waiting.filter(({ task: { identity } }) => identity.owner === owner && identity.type === type);
  }
}

const owner = fc.constantFrom(...OWNERS);
const type = fc.constantFrom(...TYPES);
const priority = fc.constantFrom(-5, 0, 5);
type Step =
  | { readonly add: string | null; readonly type: string; readonly priority: number }
  | { readonly remove: number }
  | { readonly raise: number; readonly priority: number }
  | { readonly take: readonly string[] }
  | { readonly takeOf: string; readonly putBack: boolean }
  | { readonly slots: number; readonly of: string | null };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: owner, type, priority }) },
  { weight: 1, arbitrary: fc.record({ remove: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ raise: fc.nat(40), priority }) },
  { weight: 3, arbitrary: fc.record({ take: fc.subarray(TYPES) }) },
  { weight: 2, arbitrary: fc.record({ takeOf: type, putBack: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ slots: fc.nat(3), of: owner }) },
);

describe('tasks of several owners that wait', () => {
  it('go to the owner with the fewest slots, then to who has waited longest for a turn, and of its tasks by priority and order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const model = new Model();
        const queue = new PendingQueue({ slotsOf: (name) => model.slots.get(name) ?? 0, gathers: () => false });
        const added: Task[] = [];
        for (const now of steps) {
          if ('add' in now) {
            const task = taskOf(`task ${added.length}`, now.add, now.type, now.priority);
            added.push(task);
            queue.add(task);
            model.add(task);
          } else if ('remove' in now) {
            const task = added[now.remove];
            if (task !== undefined) expect(queue.remove(task)).toBe(model.remove(task));
          } else if ('raise' in now) {
            const task = added[now.raise];
            if (task === undefined) continue;
            queue.setPriority(task, now.priority);
            model.setPriority(task);
            expect(task.priority).toBe(now.priority);
          } else if ('take' in now) {
            expect(queue.take((of) => now.take.includes(of))).toBe(model.take(now.take));
          } else if ('takeOf' in now) {
            const task = model.takeOf(now.takeOf);
            expect(queue.takeOf(now.takeOf, () => false)).toBeNull();
            expect(queue.takeOf(now.takeOf, () => true)).toBe(task);
            if (task === null || !now.putBack) continue;
            queue.putBack(task);
            model.add(task, true);
          } else {
            model.slots.set(now.of, now.slots);
          }
          const waiting = model.waiting.map(({ task }) => task);
          expect(new Set(queue)).toEqual(new Set(waiting));
          expect(queue.size).toBe(waiting.length);
          for (const name of OWNERS) {
            const own = waiting.filter(({ identity }) => identity.owner === name);
            expect(queue.sizeOfOwner(name)).toBe(own.length);
          }
          for (const name of TYPES) {
            expect(queue.sizeOf(name)).toBe(waiting.filter(({ identity }) => identity.type === name).length);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are given out in turns: 10,000 of one owner keep nobody waiting for more than one turn', () => {
    const queue = new PendingQueue();
    for (let at = 0; at < 10_000; at++) queue.add(taskOf(`a ${at}`, 'a', 'x', 5));
    for (let at = 0; at < 3; at++) for (const name of ['b', 'c']) queue.add(taskOf(`${name} ${at}`, name, 'y', -5));
    const order = Array.from({ length: 12 }, () => queue.take(() => true)?.identity.owner).join(' ');
    expect(order).toBe('a b c a b c a b c a a a');
  });

  it('are not looked through for who is next: of 10,000 owners it asks about those that have a slot, and one more', () => {
    const slots = new Map<string | null, number>();
    let asked = 0;
    const slotsOf = (name: string | null): number => {
      asked++;
      return slots.get(name) ?? 0;
    };
    const queue = new PendingQueue({ slotsOf, gathers: () => false });
    for (let at = 0; at < 10_000; at++) queue.add(taskOf(`task ${at}`, `owner ${at}`));
    for (let at = 0; at < 16; at++) slots.set(`owner ${at}`, 1);
    expect(queue.take(() => true)?.id).toBe('task 16');
    // The one that is next is asked about twice.
    expect(asked).toBe(18);
    for (let at = 17; at < 10_000; at++) expect(queue.take(() => true)?.id).toBe(`task ${at}`);
    expect(asked).toBe(18 * 9_984);
  });

  it('do not begin where their owner has a run that will take them along, and those of others do', () => {
    const queue = new PendingQueue({ slotsOf: () => 0, gathers: (name, of) => name === 'a' && of === 'x' });
    queue.add(taskOf('a x', 'a', 'x'));
    queue.add(taskOf('b x', 'b', 'x'));
    queue.add(taskOf('a y', 'a', 'y'));
    const taken = Array.from({ length: 3 }, () => queue.take(() => true)?.id);
    expect(taken).toEqual(['b x', 'a y', undefined]);
    // Nor does a run of another owner take them along.
    queue.add(taskOf('c x', 'c', 'x'));
    const along = Array.from({ length: 2 }, () => queue.takeOf('x', () => true)?.id);
    expect(along).toEqual(['c x', undefined]);
  });

  it('leave nothing behind of their owners when the last one is taken or cancelled', () => {
    const before = queryObjects(WaitingOwner, { format: 'count' }) + queryObjects(OwnerQueue, { format: 'count' });
    const queue = new PendingQueue();
    const tasks = Array.from({ length: 1_000 }, (_, at) => taskOf(`task ${at}`, `owner ${at >> 1}`, TYPES[at % 3]));
    for (const task of tasks) queue.add(task);
    for (const task of tasks.slice(0, 500)) queue.remove(task);
    while (queue.take(() => true) !== null);
    expect(queue.size).toBe(0);
    const after = queryObjects(WaitingOwner, { format: 'count' }) + queryObjects(OwnerQueue, { format: 'count' });
    expect(after - before).toBeLessThanOrEqual(0);
    expect(queue.sizeOfOwner('owner 0')).toBe(0);
  });
});
