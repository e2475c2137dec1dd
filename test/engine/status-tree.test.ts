import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ANY_STATUS,
  type Place,
  StatusTree,
  changeStatus,
  newerThan,
  olderThan,
  removeFrom,
} from '../../dist/engine/status-tree.js';

interface Value {
  readonly order: number;
  status: number;
}

/** A tree, and the same in the plainest words: a list. */
class Both {
  readonly tree = new StatusTree<Value>();
  readonly places = new Map<Value, Place<Value>>();
  #order = 0;

  get values(): Value[] {
    return [...this.places.keys()];
  }

  add(status: number, gap = 0): Value {
    this.#order += 1 + gap;
    const value = { order: this.#order, status };
    this.places.set(value, this.tree.add(value, status));
    return value;
  }

  change(value: Value, status: number): void {
    changeStatus(this.places.get(value) as Place<Value>, value.status, status);
    value.status = status;
  }

  remove(value: Value): void {
    const place = this.places.get(value) as Place<Value>;
    this.places.delete(value);
    expect(removeFrom(place, value.status)).toBe(this.places.size === 0);
  }

  walk(before: number, status: number): number[] {
    const found: number[] = [];
    for (let place = this.tree.newest(before, status); place !== null; place = olderThan(place, status)) {
      found.push(place.value.order);
    }
    return found;
  }

  walkUp(after: number, status: number): number[] {
    const found: number[] = [];
    for (let place = this.tree.oldest(after, status); place !== null; place = newerThan(place, status)) {
      found.push(place.value.order);
    }
    return found;
  }

  expected(before: number, status: number): number[] {
    return this.values
      .filter((value) => value.order < before && (status === ANY_STATUS || value.status === status))
      .map(({ order }) => order)
      .reverse();
  }
}

const status = fc.nat(ANY_STATUS - 1);
const part = fc.record({ from: fc.double({ min: 0, max: 1, noNaN: true }), count: fc.constantFrom(1, 2, 31, 33, 600) });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.constantFrom(1, 5, 32, 33, 700), status, gap: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ remove: part }) },
  { weight: 2, arbitrary: fc.record({ change: part, status }) },
);

describe('a status tree', () => {
  it('finds, from anywhere on, what a list finds: after any additions, removals and changes of status', () => {
    const property = fc.property(
      fc.array(step, { maxLength: 25 }),
      fc.array(fc.nat(3_000), { minLength: 1, maxLength: 5 }),
      (steps, cursors) => {
        const both = new Both();
        const chosen = ({ from, count }: { from: number; count: number }): Value[] => {
          const { values } = both;
          const at = Math.floor(from * values.length);
          return values.slice(at, at + count);
        };
        for (const next of steps) {
          if ('add' in next) for (let at = 0; at < next.add; at++) both.add(next.status, next.gap);
          else if ('remove' in next) for (const value of chosen(next.remove)) both.remove(value);
          else for (const value of chosen(next.change)) both.change(value, next.status);
          for (const before of [Infinity, ...cursors]) {
            for (let wanted = 0; wanted <= ANY_STATUS; wanted++) {
              const all = both.expected(Infinity, wanted).reverse();
              expect(both.walk(before, wanted)).toEqual(both.expected(before, wanted));
              expect(both.walkUp(before, wanted)).toEqual(all.filter((order) => order > before));
              expect(both.walkUp(-1, wanted)).toEqual(all);
            }
          }
        }
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  it.each([1, 31, 32, 33, 40, 5_000])(
    'stays as small as what is in it while values pass through, %d at a time',
    (window) => {
      const both = new Both();
      const oldest = both.add(1);
      const passing: Value[] = [];
      for (let at = 0; at < 40_000; at++) {
        passing.push(both.add(0));
        if (passing.length > window) both.remove(passing.shift() as Value);
      }
      expect(both.walk(Infinity, 1)).toEqual([oldest.order]);
      expect(both.walk(Infinity, ANY_STATUS)).toEqual(both.expected(Infinity, ANY_STATUS));
      const full = window / 32;
      expect(nodesOf(both)).toBeLessThan(full + full / 32 + 12);
      for (const value of passing) both.remove(value);
      both.remove(oldest);
      both.add(2);
      expect(both.walk(Infinity, 2)).toHaveLength(1);
      expect(nodesOf(both)).toBeLessThan(12);
    },
  );

  it('is no higher than what is in it needs, however much has passed through', () => {
    const both = new Both();
    const passing: Value[] = [];
    for (let at = 0; at < 40_000; at++) {
      passing.push(both.add(0));
      if (passing.length > 40) both.remove(passing.shift() as Value);
    }
    let height = 0;
    for (let node = both.tree.newest(Infinity, 0)?.leaf; node?.parent; node = node.parent) height++;
    expect(height).toBeLessThanOrEqual(2);
  });
});

/** How many nodes its tree has. */
function nodesOf({ tree }: Both): number {
  let root = tree.newest(Infinity, ANY_STATUS)?.leaf;
  while (root?.parent) root = root.parent;
  const pending = [root];
  let count = 0;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    count++;
    for (const child of node.nodes ?? []) if (child !== null) pending.push(child);
  }
  return count;
}
