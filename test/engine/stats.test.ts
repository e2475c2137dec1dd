import * as fc from 'fast-check';
import { TaskManager, type TaskRecord, TreadleError, type TreadleErrorCode, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { TaskCounts } from '../../dist/engine/task-counts.js';
import { TaskIndex } from '../../dist/engine/task-index.js';
import { type SettledRecord, TASK_STATUSES } from '../../dist/engine/task-record.js';
import type { TypeStats } from '../../dist/engine/task-stats.js';
import type { Task } from '../../dist/engine/task.js';
import { type Fields, KnownTasks, LIVES_MS, scopeOf } from '../support/known-tasks.js';
import { ManualClock } from '../support/manual-clock.js';
import { createPolicyManager, next } from '../support/policy-manager.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const NONE: TypeStats = {
  pending: 0,
  running: 0,
  cancelling: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  oldestPendingAt: null,
  failures: {},
};

describe('stats', () => {
  it('count by type and status, failures by code too, and name every declared type', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock, maxConcurrentTasks: 1, history: { max: 1 } });
    const at = clock.now();
    expect(tasks.stats()).toMatchObject({ total: 0, types: { fault: NONE, items: NONE, steps: NONE }, closing: null });
    for (const action of ['throw', 'throw', 'echo'] as const) {
      await (await tasks.submit('fault', { input: { action } })).settled();
    }
    await (await tasks.submit('fault', { input: { action: 'exit', code: 3 } })).settled();
    const gate = new Gate();
    const running = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    clock.advance(1_000);
    await tasks.submit('items', { items: [], input: { action: 'echo' } as never });
    (await tasks.submit('items', { items: [], input: { action: 'echo' } as never })).cancel();
    const { types, ...stats } = tasks.stats();
    // The history keeps one of them; the counts are of all there ever were.
    expect(stats).toMatchObject({
      total: 7,
      pending: 1,
      running: 1,
      completed: 1,
      failed: 3,
      cancelled: 1,
      history: 1,
    });
    expect(types).toEqual({
      fault: { ...NONE, running: 1, completed: 1, failed: 3, failures: { TASK_FAILED: 2, WORKER_EXITED: 1 } },
      items: { ...NONE, pending: 1, cancelled: 1, oldestPendingAt: at + 1_000 },
      steps: NONE,
    });
    running.cancel();
    expect(tasks.stats().types.fault).toMatchObject({ running: 0, cancelling: 1 });
    gate.open();
    await running.settled();
  });

  it('show an owner the counts of its own tasks, as far as they are known', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock, maxConcurrentTasks: 1, history: { max: 3, completedTtlMs: 1_000 } });
    const gate = new Gate();
    const own = { owner: 'ann' };
    await (await tasks.submit('fault', { input: { action: 'throw' }, ...own })).settled();
    await (await tasks.submit('fault', { input: { action: 'echo' }, ...own })).settled();
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    const running = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'bob' });
    await gate.arrived();
    clock.advance(1_000);
    const at = clock.now();
    const waiting = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, ...own });
    expect(tasks.stats(own)).toMatchObject({ total: 3, pending: 1, running: 0, completed: 1, failed: 1, history: 2 });
    expect(tasks.stats(own).types).toEqual({
      fault: { ...NONE, pending: 1, completed: 1, failed: 1, oldestPendingAt: at, failures: { TASK_FAILED: 1 } },
    });
    expect(tasks.stats({ owner: 'bob' })).toMatchObject({ total: 1, running: 1, history: 0 });
    expect(tasks.stats({ owner: 'nobody' })).toMatchObject({ total: 0, pending: 0, history: 0, types: {} });
    expect(tasks.stats({ owner: 'nobody' }).threads).toEqual(tasks.stats().threads);
    // Past its time, and nobody has looked for it since.
    clock.advance(1);
    expect(tasks.stats(own)).toMatchObject({ total: 2, completed: 0, failed: 1, history: 1 });
    expect(tasks.stats()).toMatchObject({ total: 5, completed: 2 });
    waiting.cancel();
    gate.open();
    await running.settled();
    // The failure is the oldest of four.
    expect(tasks.stats(own)).toMatchObject({ total: 2, failed: 1, cancelled: 1 });
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    expect(tasks.stats(own)).toMatchObject({ total: 1, failed: 0, cancelled: 1, history: 1 });
    expect(tasks.stats(own).types.fault?.failures).toEqual({});
  });

  it('say since when the oldest pending task has been there, whatever its priority, and those that wait for another attempt', async () => {
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 10_000 }, { maxConcurrentTasks: 1 });
    const oldest = (): (number | null | undefined)[] => [
      tasks.stats().types.flaky?.oldestPendingAt,
      tasks.stats({ owner: 'ann' }).types.flaky?.oldestPendingAt,
    ];
    const attempts = new Gate();
    const failed = next(tasks, 'retrying');
    const input = { attempts: attempts.buffer, failures: 1 };
    const first = clock.now();
    const again = await tasks.submit('flaky', { input, owner: 'ann' });
    expect(oldest()).toEqual([first, first]);
    await failed;
    expect(oldest()).toEqual([first, first]);
    tasks.pause();
    clock.advance(1_000);
    const second = await tasks.submit('flaky', { input, owner: 'bob' });
    clock.advance(1_000);
    const urgent = await tasks.submit('flaky', { input, owner: 'ann', priority: 5 });
    expect(oldest()).toEqual([first, first]);
    again.cancel();
    expect(oldest()).toEqual([first + 1_000, first + 2_000]);
    second.cancel();
    urgent.cancel();
    expect(oldest()).toEqual([null, null]);
  });

  it('find the oldest pending task of a type, and of an owner, without a look at all that wait', () => {
    const known = new KnownTasks(20_000);
    for (let at = 0; at < 5_000; at++) known.submit({ type: 'usual', resourceId: null, group: null, owner: 'bob' });
    const rare = known.submit({ type: 'rare', resourceId: null, group: null, owner: 'ann' });
    const ask = (): (number | null | undefined)[] =>
      ['ann', 'bob', null].map((owner) => known.records.typeStats(['rare'], owner).get('rare')?.oldestPendingAt);
    // These make an index.
    for (let at = 0; at < 20; at++) ask();
    let looks = 0;
    for (const task of known.tasks) {
      const { identity } = task;
      Object.defineProperty(task, 'identity', { get: () => (looks++, identity) });
    }
    expect(ask()).toEqual([rare.createdAt, undefined, rare.createdAt]);
    expect(looks).toBeLessThan(10);
  });
});

describe('what close() waits for', () => {
  it('is told: since when, until when, and for which tasks, to an owner only its own', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock });
    const gates = { ann: new Gate(), bob: new Gate() };
    const run = async (owner: 'ann' | 'bob') => {
      const task = await tasks.submit('fault', { input: { action: 'gate', gate: gates[owner].buffer }, owner });
      await gates[owner].arrived();
      return task;
    };
    const [ann, bob] = [await run('ann'), await run('bob')];
    expect(tasks.stats().closing).toBeNull();
    const since = clock.now();
    const closed = tasks.close({ timeoutMs: Infinity });
    expect(tasks.stats().closing).toEqual({ since, deadline: null, waitingFor: [ann.id, bob.id] });
    clock.advance(1_000);
    void tasks.close({ timeoutMs: 5_000 });
    void tasks.close({ timeoutMs: 6_000 });
    const deadline = since + 6_000;
    expect(tasks.stats({ owner: 'ann' }).closing).toEqual({ since, deadline, waitingFor: [ann.id] });
    expect(tasks.stats({ owner: 'nobody' }).closing).toEqual({ since, deadline, waitingFor: [] });
    gates.ann.open();
    await ann.settled();
    expect(tasks.stats().closing?.waitingFor).toEqual([bob.id]);
    gates.bob.open();
    await closed;
    expect(tasks.stats().closing).toEqual({ since, deadline, waitingFor: [] });
  });

  it('is known already to who hears of a task that close() cancels', async () => {
    const clock = new ManualClock();
    const tasks = createTestManager({ clock });
    tasks.pause();
    const waiting = [];
    for (let at = 0; at < 2; at++) waiting.push(await tasks.submit('fault', { input: { action: 'echo' } }));
    const heard: unknown[] = [];
    tasks.on('cancelled', () => heard.push(tasks.stats().closing));
    const closed = tasks.close({ timeoutMs: 7 });
    const times = { since: clock.now(), deadline: clock.now() + 7 };
    expect(heard).toEqual([
      { ...times, waitingFor: [waiting[1]?.id] },
      { ...times, waitingFor: [] },
    ]);
    await closed;
  });

  it('is nothing any more when close() has ended, though a task that must not be killed goes on', async () => {
    const module = taskModule<typeof fault>(builtTask('fault'));
    const tasks = closedAtEnd(
      new TaskManager({ types: { stubborn: taskType(module, { killable: false }) }, threads: { max: 1 } }),
    );
    const gate = new Gate();
    const task = await tasks.submit('stubborn', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const report = await tasks.close({ timeoutMs: 0 });
    expect(report.alive).toEqual([task.id]);
    expect(tasks.stats()).toMatchObject({
      closing: { waitingFor: [] },
      total: 1,
      completed: 0,
      failed: 0,
      cancelled: 0,
    });
    gate.open();
    await task.settled();
  });
});

const CODES: readonly TreadleErrorCode[] = ['TASK_FAILED', 'TASK_TIMEOUT', 'WORKER_EXITED'];
const type = fc.constantFrom('a', '1:a');
const owner = fc.option(fc.constantFrom('a', '1:a', 'a1:a'));
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ submit: fc.array(fc.record({ type, owner }), { minLength: 1, maxLength: 10 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      move: fc.array(fc.nat(99), { maxLength: 20 }),
      to: fc.constantFrom(...TASK_STATUSES),
      code: fc.constantFrom(...CODES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ advanceMs: fc.constantFrom(1, LIVES_MS, 6 * LIVES_MS) }) },
);

/** The counts of some records, one by one. */
function countOneByOne(records: readonly Pick<TaskRecord, 'type' | 'status' | 'createdAt' | 'error'>[], name: string) {
  const own = records.filter((record) => record.type === name);
  const times = own.filter(({ status }) => status === 'pending').map(({ createdAt }) => createdAt);
  const failures: Partial<Record<TreadleErrorCode, number>> = {};
  for (const { error } of own) if (error !== null) failures[error.code] = (failures[error.code] ?? 0) + 1;
  const counts = TASK_STATUSES.map((status) => [status, own.filter((record) => record.status === status).length]);
  return { ...Object.fromEntries(counts), oldestPendingAt: times.length === 0 ? null : Math.min(...times), failures };
}

function allPages(known: KnownTasks, fields: { readonly owner?: string }): TaskRecord[] {
  const records: TaskRecord[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = known.records.list({ ...fields, limit: 7, ...(cursor === undefined ? {} : { cursor }) });
    records.push(...page.records);
    cursor = page.nextCursor;
  }
  return records;
}

function move(known: KnownTasks, task: Task, to: Task['status'], code: TreadleErrorCode): void {
  if (to !== 'failed') known.move(task, to);
  else task.settle({ status: 'failed', error: new TreadleError(code, 'it failed') });
}

describe('counts', () => {
  it("are what list() gives, counted one by one, for every owner; all owners' ones are of all there ever were", () => {
    const property = fc.property(
      fc.constantFrom(0, 3, 20, 1_000),
      fc.constantFrom(0, 0, 5, 1_000),
      fc.constantFrom(1, 7, 1_000),
      fc.array(step, { maxLength: 25 }),
      (max, freeLooks, leastIndexed, steps) => {
        const known = new KnownTasks(max, new TaskIndex(freeLooks, leastIndexed));
        for (const each of steps) {
          if ('submit' in each) {
            for (const fields of each.submit) {
              known.clock.advance(1);
              known.submit({ ...fields, resourceId: null, group: null });
            }
          } else if ('move' in each) {
            const moved = each.move.flatMap((at) => known.tasks[Math.floor((at * known.tasks.length) / 100)] ?? []);
            for (const task of moved) move(known, task, each.to, each.code);
          } else known.clock.advance(each.advanceMs);
          const names = ['a', '1:a', 'none'];
          for (const whose of ['a', '1:a', 'a1:a', 'nobody']) {
            const stats = known.records.typeStats(names, whose);
            const records = allPages(known, scopeOf(whose));
            const present = names.filter((name) => records.some((record) => record.type === name));
            expect([...stats.keys()]).toEqual(present);
            for (const name of present) expect(stats.get(name)).toEqual(countOneByOne(records, name));
          }
          const everything = known.tasks.map((task) => task.snapshot());
          const stats = known.records.typeStats(names, null);
          for (const name of names) expect(stats.get(name)).toEqual(countOneByOne(everything, name));
        }
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it('of an owner go with its last task', () => {
    const counts = new TaskCounts();
    const settled = (fields: Pick<Fields, 'type' | 'owner'>): SettledRecord =>
      ({ ...fields, status: 'cancelled', error: null }) as SettledRecord;
    const fields = ['a', 'b'].flatMap((name) => [null, 'ann', 'bob'].map((whose) => ({ type: name, owner: whose })));
    const numbers = { pending: 0, cancelled: TASK_STATUSES.indexOf('cancelled') };
    for (const each of fields) counts.add(each.type, each.owner).move(numbers.pending, numbers.cancelled);
    expect(counts.owners).toBe(2);
    for (const each of fields) if (each.owner !== 'bob' || each.type === 'a') counts.forget(settled(each));
    expect([counts.owners, [...counts.of('bob').keys()]]).toEqual([1, ['b']]);
    counts.forget(settled({ type: 'b', owner: 'bob' }));
    expect(counts.owners).toBe(0);
    expect(counts.of(null).get('a')?.of('cancelled')).toBe(3);
  });
});
