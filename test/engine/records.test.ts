import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ListOptions } from '../../dist/engine/records.js';
import { TASK_STATUSES } from '../../dist/engine/task-record.js';
import { TaskIndex } from '../../dist/engine/task-index.js';
import { type Fields, KnownTasks, LIVES_MS } from '../support/known-tasks.js';

// Such as would be mistaken for each other if they were only put in a row.
const name = fc.constantFrom('a', 'a', 'a', '1:a', 'a1:a');
const fields: fc.Arbitrary<Fields> = fc.record({
  type: fc.constantFrom('a', '1:a'),
  resourceId: fc.option(name),
  group: fc.option(name),
  owner: fc.option(name),
});
const named = fc.record({ type: fc.constantFrom('a', '1:a'), resourceId: name, group: name, owner: name });
const filter: fc.Arbitrary<Omit<ListOptions, 'cursor'>> = fc
  .tuple(
    named,
    fc.subarray(['type', 'resourceId', 'group', 'owner'] as const, { maxLength: 3 }),
    fc.record({ status: fc.constantFrom(...TASK_STATUSES), limit: fc.constantFrom(1, 2, 5) }, { requiredKeys: [] }),
  )
  .map(([all, chosen, others]) =>
    Object.assign(others, Object.fromEntries(chosen.map((field) => [field, all[field]]))),
  );
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ submit: fc.array(fields, { minLength: 1, maxLength: 12 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ move: fc.array(fc.nat(99), { maxLength: 20 }), to: fc.constantFrom(...TASK_STATUSES) }),
  },
  { weight: 1, arbitrary: fc.record({ advanceMs: fc.constantFrom(1, LIVES_MS, 6 * LIVES_MS) }) },
  { weight: 1, arbitrary: fc.record({ take: name, owner: fc.option(name) }) },
);

describe('records', () => {
  it('give the same pages, duplicates and results as a look at every task, whatever happens in between', () => {
    const property = fc.property(
      fc.constantFrom(0, 3, 20, 1_000),
      // Whether an index is soon begun, and whether it is soon complete.
      fc.constantFrom(0, 0, 5, 1_000),
      fc.constantFrom(1, 7, 1_000),
      // The same again and again, so that there are indexes for them.
      fc.array(filter, { minLength: 1, maxLength: 3 }),
      fc.array(step, { maxLength: 25 }),
      (max, freeLooks, leastIndexed, filters, steps) => {
        const known = new KnownTasks(max, new TaskIndex(freeLooks, leastIndexed));
        // Pages that are to be turned to, a step later each.
        let open: { options: Omit<ListOptions, 'cursor'>; cursor: string | undefined; before: number }[] = [];
        for (const next of steps) {
          if ('submit' in next) {
            for (const each of next.submit) {
              expect(known.records.duplicateOf(each)).toBe(known.duplicateOf(each));
              known.submit(each);
            }
          } else if ('move' in next) {
            const moved = next.move.flatMap((at) => known.tasks[Math.floor((at * known.tasks.length) / 100)] ?? []);
            for (const task of moved) known.move(task, next.to);
          } else if ('take' in next) {
            known.takeResults(next.take, next.owner);
          } else known.clock.advance(next.advanceMs);
          const asked = [...open, ...filters.map((options) => ({ options, cursor: undefined, before: Infinity }))];
          open = [];
          for (const { options, cursor, before } of asked) {
            const { records, nextCursor } = known.records.list(cursor === undefined ? options : { ...options, cursor });
            const { limit = 50 } = options;
            const expected = known.expected(options, before);
            expect(records.map(({ id }) => id)).toEqual(expected.slice(0, limit));
            expect(nextCursor === null).toBe(expected.length <= limit);
            if (nextCursor === null) continue;
            const last = known.tasks.findIndex(({ id }) => id === records.at(-1)?.id);
            open.push({ options, cursor: nextCursor, before: last });
          }
        }
      },
    );
    fc.assert(property, { numRuns: 400 });
  });

  it.each<[string, ListOptions]>([
    ['all', {}],
    ['a status', { status: 'running' }],
    ['a status that none has', { status: 'cancelling' }],
    ['an owner', { owner: 'ann' }],
    ['a type and a status', { type: 'rare', status: 'pending' }],
    ['an owner and a type', { owner: 'ann', type: 'rare' }],
    ['what nobody has', { group: 'none' }],
  ])('are listed without a look at any others: %s', (_, options) => {
    const known = new KnownTasks(20_000);
    let looks = 0;
    for (let at = 0; at < 5_000; at++) {
      const rare = at % 1_000 === 7;
      const task = known.submit({
        type: rare ? 'rare' : 'usual',
        resourceId: null,
        group: null,
        owner: rare ? 'ann' : 'bob',
      });
      if (at % 900 === 1) known.move(task, 'running');
      if (at % 3 === 0) known.move(task, 'completed');
    }
    // These make an index, where one is needed.
    for (let at = 0; at < 20; at++) known.records.list(options);
    for (const task of known.tasks) {
      const { identity, status } = task;
      Object.defineProperty(task, 'identity', { get: () => (looks++, identity) });
      Object.defineProperty(task, 'status', { get: () => (looks++, status) });
    }
    const { records, nextCursor } = known.records.list({ ...options, limit: 3 });
    expect(looks).toBeLessThanOrEqual(6 * records.length);
    if (nextCursor !== null) known.records.list({ ...options, limit: 3, cursor: nextCursor });
    expect(looks).toBeLessThanOrEqual(12 * records.length);
  });
});
