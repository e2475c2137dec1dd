import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GroupPage, Groups } from '../../dist/engine/groups.js';
import { type SettledRecord, TASK_STATUSES, isTerminal } from '../../dist/engine/task-record.js';
import { type Fields, KnownTasks, LIVES_MS, isOf, scopeOf } from '../support/known-tasks.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

const valuesOf = ({ records }: GroupPage): unknown[] => records.map(({ result }) => result);

/** A manager with a group of results, which are their own numbers. */
async function settledGroup(count: number, options: { history?: { max: number }; owner?: string } = {}) {
  const { history = { max: 1_000 }, ...scope } = options;
  const tasks = createTestManager({ history });
  const settle = async (value: number): Promise<string> => {
    const task = await tasks.submit('fault', { input: { action: 'echo', value }, group: 'g', ...scope });
    await task.settled();
    return task.id;
  };
  const ids: string[] = [];
  for (let at = 0; at < count; at++) ids.push(await settle(at));
  return { tasks, ids, settle };
}

describe('the results of a group', () => {
  it('come again until they are acknowledged, and are then forgotten by the group, not by the history', async () => {
    const { tasks, ids, settle } = await settledGroup(2);
    const first = tasks.results('g');
    expect(valuesOf(first)).toEqual([0, 1]);
    expect(tasks.results('g')).toEqual(first);
    await settle(2);
    // What has settled since the page was given out is not acknowledged with it.
    expect(valuesOf(tasks.results('g', { ack: first.cursor }))).toEqual([2]);
    expect(valuesOf(tasks.results('g'))).toEqual([2]);
    expect(ids.map((id) => tasks.get(id)?.status)).toEqual(['completed', 'completed']);
    expect(tasks.list({ group: 'g' }).records).toHaveLength(3);
  });

  it('are acknowledged twice without harm, also when all were and others have settled since', async () => {
    const { tasks, settle } = await settledGroup(2);
    const { cursor } = tasks.results('g', { limit: 1 });
    for (let times = 0; times < 2; times++) expect(valuesOf(tasks.results('g', { ack: cursor }))).toEqual([1]);
    const last = tasks.results('g');
    expect(tasks.results('g', { ack: last.cursor })).toEqual({ records: [], cursor: null, inProgress: 0 });
    await settle(2);
    for (const ack of [cursor, last.cursor]) expect(valuesOf(tasks.results('g', { ack }))).toEqual([2]);
  });

  it('come page by page, each once to who acknowledges page by page', async () => {
    const { tasks } = await settledGroup(7);
    const collected: unknown[] = [];
    let page = tasks.results('g', { limit: 3 });
    while (page.records.length > 0) {
      collected.push(valuesOf(page));
      page = tasks.results('g', { limit: 3, ack: page.cursor });
    }
    expect(collected).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  it('are at most 200 in a page where no limit is given', () => {
    const known = new KnownTasks(1_000);
    const fields: Fields = { type: 'a', resourceId: null, group: 'g', owner: null };
    for (let at = 0; at < 201; at++) known.move(known.submit(fields), 'completed');
    const { records, cursor } = known.records.results('g', {});
    expect(records).toHaveLength(200);
    expect(known.records.results('g', { ack: cursor }).records.map(({ id }) => id)).toEqual(['task 200']);
  });

  it('say how many tasks of the group have not settled, and those come when they have', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1 });
    const gate = new Gate();
    const submit = (group: string) =>
      tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, group, owner: 'ann' });
    const running = await submit('g');
    await gate.arrived();
    const waiting = await submit('g');
    await submit('h');
    expect(tasks.results('g', { owner: 'ann' })).toEqual({ records: [], cursor: null, inProgress: 2 });
    expect([tasks.results('g').inProgress, tasks.results('g', { owner: 'bob' }).inProgress]).toEqual([0, 0]);
    waiting.cancel();
    const page = tasks.results('g', { owner: 'ann' });
    expect([page.records.map(({ id }) => id), page.inProgress]).toEqual([[waiting.id], 1]);
    expect(tasks.results('g', { owner: 'ann', ack: page.cursor })).toMatchObject({ records: [], inProgress: 1 });
    gate.open();
    await running.settled();
    expect(tasks.results('g', { owner: 'ann' })).toMatchObject({ records: [{ id: running.id }], inProgress: 0 });
  });

  it('are not acknowledged by the cursor of another group, another owner or another manager', async () => {
    const { tasks } = await settledGroup(1, { owner: 'ann' });
    const elsewhere = await settledGroup(3, { owner: 'ann' });
    for (const scope of [{ group: 'h', owner: 'ann' }, { group: 'g', owner: 'bob' }, { group: 'g' }]) {
      await (await tasks.submit('fault', { input: { action: 'echo' }, ...scope })).settled();
    }
    const others = [
      tasks.results('h', { owner: 'ann' }),
      tasks.results('g', { owner: 'bob' }),
      tasks.results('g'),
      elsewhere.tasks.results('g', { owner: 'ann' }),
    ];
    for (const { cursor: ack } of others) {
      expect(ack).not.toBeNull();
      expect(valuesOf(tasks.results('g', { owner: 'ann', ack }))).toEqual([0]);
    }
    expect(others.slice(0, 3).map(({ records }) => records.length)).toEqual([1, 1, 1]);
  });

  it('leave with the history where nobody acknowledges them, and a cursor outlives its record', async () => {
    const { tasks, settle } = await settledGroup(3, { history: { max: 3 } });
    const { cursor } = tasks.results('g', { limit: 2 });
    await settle(3);
    await settle(4);
    expect(valuesOf(tasks.results('g'))).toEqual([2, 3, 4]);
    // It stood for 0 and 1, and both are gone.
    expect(valuesOf(tasks.results('g', { ack: cursor }))).toEqual([2, 3, 4]);
    const next = tasks.results('g', { limit: 2 });
    await settle(5);
    expect(valuesOf(tasks.results('g', { ack: next.cursor }))).toEqual([4, 5]);
  });

  it('are the same that takeResults takes', async () => {
    const { tasks, settle } = await settledGroup(3);
    const { cursor } = tasks.results('g', { limit: 1 });
    tasks.results('g', { ack: cursor });
    expect(tasks.takeResults('g').map(({ result }) => result)).toEqual([1, 2]);
    expect(tasks.results('g').records).toEqual([]);
    await settle(3);
    expect(valuesOf(tasks.results('g', { ack: cursor }))).toEqual([3]);
  });
});

// Such as would be mistaken for each other if they were only put in a row.
const group = fc.constantFrom('a', 'a1:a');
const owner = fc.option(fc.constantFrom('a', '1:a'));
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ submit: fc.array(fc.record({ group, owner }), { minLength: 1, maxLength: 8 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ move: fc.array(fc.nat(99), { maxLength: 20 }), to: fc.constantFrom(...TASK_STATUSES) }),
  },
  { weight: 3, arbitrary: fc.record({ read: group, owner, limit: fc.constantFrom(1, 2, 200) }) },
  { weight: 3, arbitrary: fc.record({ ack: group, owner, which: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ take: group, owner }) },
  { weight: 1, arbitrary: fc.record({ advanceMs: fc.constantFrom(1, LIVES_MS, 6 * LIVES_MS) }) },
);

describe('any number of readers', () => {
  it('get of a group what has settled, was not acknowledged or taken, and is still known', () => {
    const property = fc.property(fc.constantFrom(0, 3, 20, 1_000), fc.array(step, { maxLength: 40 }), (max, steps) => {
      const known = new KnownTasks(max);
      const pages: { of: readonly [string, string | null]; cursor: string; last: number }[] = [];
      const read = (name: string, scope: string | null, limit: number, ack: string | null = null): void => {
        const page = known.records.results(name, { ...scopeOf(scope), limit, ack });
        const expected = known.untakenOf(name, scope).slice(0, limit);
        expect(page.records.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        const open = known.tasks.filter((task) => isOf(task, name, scope) && !isTerminal(task.status));
        expect(page.inProgress).toBe(open.length);
        const last = expected.at(-1);
        expect(page.cursor === null).toBe(last === undefined);
        if (page.cursor === null || last === undefined) return;
        pages.push({ of: [name, scope], cursor: page.cursor, last: known.settled.indexOf(last) });
      };
      for (const next of steps) {
        if ('submit' in next)
          for (const fields of next.submit) known.submit({ type: 'a', resourceId: null, ...fields });
        else if ('move' in next) {
          const moved = next.move.flatMap((at) => known.tasks[Math.floor((at * known.tasks.length) / 100)] ?? []);
          for (const task of moved) known.move(task, next.to);
        } else if ('read' in next) read(next.read, next.owner, next.limit);
        else if ('take' in next) known.takeResults(next.take, next.owner);
        else if ('advanceMs' in next) known.clock.advance(next.advanceMs);
        else {
          const page = pages[Math.floor((next.which * pages.length) / 100)];
          if (page === undefined) continue;
          if (page.of[0] === next.ack && page.of[1] === next.owner) {
            known.untaken = known.untaken.filter(
              (task) => !isOf(task, next.ack, next.owner) || known.settled.indexOf(task) > page.last,
            );
          }
          read(next.ack, next.owner, 200, page.cursor);
        }
      }
    });
    fc.assert(property, { numRuns: 400 });
  });

  it('leave no group behind that has no tasks', () => {
    const groups = new Groups();
    const record = (name: string): SettledRecord => ({ group: name, owner: null }) as SettledRecord;
    for (const name of ['taken', 'acknowledged', 'evicted', 'read']) {
      groups.begin(name, null);
      groups.begin(name, null);
      const nodes = [groups.settle(record(name)), groups.settle(record(name))];
      const { cursor } = groups.page(name, null, 200);
      if (name === 'taken') groups.take(name, null);
      if (name === 'acknowledged') groups.acknowledge(name, null, cursor ?? '');
      if (name === 'evicted') for (const node of nodes) if (node !== null) groups.remove(node);
    }
    expect(groups.size).toBe(1);
    groups.begin('in progress', null);
    expect([groups.take('in progress', null), groups.size]).toEqual([[], 2]);
  });
});
