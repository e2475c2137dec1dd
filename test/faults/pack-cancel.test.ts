import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type TaskPolicy, TaskManager, taskModule, taskType } from 'treadle';
import { ManualClock } from '../support/manual-clock.js';
import {
  LARGE_PACKS,
  packManager,
  packTypes,
  settledRecords,
  statusesOf,
  submitTogether,
} from '../support/pack-manager.js';
import { closedOnClock } from '../support/policy-manager.js';
import { builtTask } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type pickyLoader from '../tasks/picky-loader.task.js';
import { ON_LOAD } from '../tasks/picky-loader.task.js';

/** A pack of which the first stays at a gate, while the others wait for it. */
async function heldPack(count: number, policy: TaskPolicy = {}, act?: 'spin') {
  const { tasks, clock } = await packManager(policy);
  const gate = new Gate();
  const made = await submitTogether(tasks, count, (at) => (at === 0 ? { gate: gate.buffer, act } : {}));
  await gate.arrived();
  return { tasks, clock, gate, ...made };
}

describe('a cancel of a task that shares a chunk', () => {
  it('settles one that has not begun at once, and it never runs', async () => {
    const { gate, handles, tally } = await heldPack(20);
    for (const at of [5, 6, 19]) expect(handles[at]?.cancel().status).toBe('cancelled');
    gate.open();
    const records = await settledRecords(handles);
    expect(records.flatMap(({ status }, at) => (status === 'completed' ? [] : [at]))).toEqual([5, 6, 19]);
    expect(tally.counts.flatMap((count, at) => (count === 1 ? [] : [at]))).toEqual([5, 6, 19]);
  });

  it('stops one that listens, and the others run', async () => {
    const { handles, tally } = await heldPack(20, {}, 'spin');
    expect(handles[0]?.cancel().status).toBe('cancelling');
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ cancelled: 1, completed: 19 });
    expect(records[0]).toMatchObject({ status: 'cancelled' });
    expect(tally.counts).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('ends the thread of one that does not listen, after its grace, and the others run on the next', async () => {
    const { tasks, clock, handles, tally } = await heldPack(20);
    handles[0]?.cancel();
    expect(tasks.stats()).toMatchObject({ cancelling: 1, pending: 19, running: 0 });
    clock.advance(49);
    expect(handles[0]?.record.status).toBe('cancelling');
    clock.advance(1);
    expect(statusesOf(await settledRecords(handles))).toEqual({ cancelled: 1, completed: 19 });
    expect(tally.counts).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('leaves work that is done before its grace is over what it is', async () => {
    const { gate, handles } = await heldPack(3);
    handles[0]?.cancel();
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 3 });
  });

  it('of all of them leaves nothing behind', async () => {
    const { tasks, handles, tally } = await heldPack(20, {}, 'spin');
    for (const handle of handles) handle.cancel();
    expect(statusesOf(await settledRecords(handles))).toEqual({ cancelled: 20 });
    expect(tally.counts).toEqual([1, ...Array.from({ length: 19 }, () => 0)]);
    const more = await submitTogether(tasks, 3);
    expect(statusesOf(await settledRecords(more.handles))).toEqual({ completed: 3 });
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0, threads: { live: 1 } });
  });

  it('ends the task that has a slot for all that will share its chunk', async () => {
    const { tasks } = await packManager();
    const gate = new Gate();
    const fault = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    // It takes the one slot that there is now; the thread is busy.
    tasks.setMaxConcurrentTasks(2);
    const { handles } = await submitTogether(tasks, 5);
    handles[0]?.cancel();
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ cancelled: 1, completed: 4 });
    expect((await fault.settled()).status).toBe('completed');
  });
});

describe('a task that shares a chunk', () => {
  it('expires while it waits, and not once it has begun', async () => {
    const { tasks, clock } = await packManager();
    const gate = new Gate();
    const { handles, tally } = await submitTogether(
      tasks,
      20,
      (at) => (at === 0 ? { gate: gate.buffer } : {}),
      (at) => (at % 2 === 0 ? { expiresInMs: 10 } : {}),
    );
    await gate.arrived();
    // Looked at, so that its start is known.
    expect(tasks.stats().running).toBe(1);
    clock.advance(10);
    const expired = handles.filter((_, at) => at % 2 === 0 && at > 0);
    expect(expired.map(({ record }) => record.error?.code)).toEqual(expired.map(() => 'TASK_EXPIRED'));
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 11, failed: 9 });
    expect(tally.counts).toEqual(handles.map((_, at) => (at % 2 === 0 && at > 0 ? 0 : 1)));
  });

  it('does not expire once it has begun, though nobody has looked', async () => {
    const { tasks, clock } = await packManager();
    const gate = new Gate();
    const { handles } = await submitTogether(
      tasks,
      2,
      (at) => (at === 0 ? { gate: gate.buffer } : {}),
      () => ({ expiresInMs: 10 }),
    );
    await gate.arrived();
    clock.advance(10);
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 1, failed: 1 });
  });
});

/** Two threads; on the second one loading the module does what is said. The first is busy until the gate is open. */
async function pickyPack(onLoad: 'hangs' | 'waits' | 'exits', policy: TaskPolicy = {}) {
  const clock = new ManualClock();
  const types = {
    picky: taskType(taskModule<typeof pickyLoader>(builtTask('picky-loader')), {
      pack: true,
      chunk: LARGE_PACKS,
      ...policy,
    }),
    fault: packTypes().fault,
  };
  const tasks = closedOnClock(
    new TaskManager({ types, threads: { max: 1 }, maxConcurrentTasks: 2, cancelGraceMs: 50, clock }),
    clock,
  );
  await tasks.ready();
  const gate = new Gate();
  const first = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
  await gate.arrived();
  process.env[ON_LOAD] = onLoad;
  onTestFinished(() => void Reflect.deleteProperty(process.env, ON_LOAD));
  tasks.setThreads(2);
  tasks.pause();
  const handles = await Promise.all(Array.from({ length: 10 }, (_, at) => tasks.submit('picky', { input: at })));
  tasks.resume();
  const sent = async (): Promise<void> => {
    while (tasks.stats().threads.busy < 2) await turn();
  };
  return { tasks, clock, gate, first, handles, sent };
}

describe('a pack whose thread does not come to begin it', () => {
  it.each(['hangs', 'waits'] as const)(
    'because the module %s waits with one task, and the others run elsewhere',
    async (onLoad) => {
      const { clock, gate, handles, sent } = await pickyPack(onLoad, { timeoutMs: 1_000 });
      await sent();
      clock.advance(51);
      clock.advance(1);
      gate.open();
      expect(statusesOf(await settledRecords(handles.slice(1)))).toEqual({ completed: 9 });
      expect(handles[0]?.record.status).toBe('running');
      clock.advance(1_000);
      clock.advance(50);
      expect(await handles[0]?.settled()).toMatchObject({ status: 'failed', error: { code: 'TASK_TIMEOUT' } });
    },
  );

  it('has its thread ended when all its tasks were cancelled', async () => {
    const { tasks, clock, gate, handles, sent } = await pickyPack('hangs');
    await sent();
    for (const handle of handles) expect(handle.cancel().status).toBe('cancelled');
    expect(tasks.stats().threads.busy).toBe(2);
    clock.advance(50);
    while (tasks.stats().threads.busy > 1) await turn();
    gate.open();
  });

  it('is ended by close() at its deadline', async () => {
    const { tasks, clock, first, handles, sent } = await pickyPack('hangs');
    await sent();
    const closed = tasks.close({ timeoutMs: 10 });
    clock.advance(10);
    const report = await closed;
    expect(report).toEqual({
      cancelled: [],
      interrupted: [first.id, ...handles.map(({ id }) => id)],
      alive: [],
    });
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('because it died while it loaded the module costs nobody anything', async () => {
    const { gate, handles, tasks } = await pickyPack('exits');
    while (tasks.stats().threads.busy < 2) await turn();
    Reflect.deleteProperty(process.env, ON_LOAD);
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 10 });
  });
});

describe('a cancel at whatever moment of its start', () => {
  it.each([true, false])('gives the slot of its task back (pack: %s)', async (pack) => {
    const { tasks } = await packManager({ pack });
    for (let wait = 0; wait < 16; wait++) {
      const { handles } = await submitTogether(tasks, 1);
      for (let turns = 0; turns < wait; turns++) await Promise.resolve();
      handles[0]?.cancel();
      await settledRecords(handles);
    }
    const more = await submitTogether(tasks, 3);
    expect(statusesOf(await settledRecords(more.handles))).toEqual({ completed: 3 });
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, threads: { busy: 0 } });
  });
});
