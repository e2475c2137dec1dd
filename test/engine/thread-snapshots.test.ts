import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { type TaskPolicy, type ThreadSnapshot, TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlBlock } from '../../dist/engine/control-block.js';
import { LaneWatch } from '../../dist/engine/lane-watch.js';
import { ThreadHeap } from '../../dist/engine/thread-heap.js';
import { ManualClock } from '../support/manual-clock.js';
import { ModuleFile } from '../support/module-file.js';
import { NamedPipe } from '../support/named-pipe.js';
import { packManager, settledRecords, submitTogether } from '../support/pack-manager.js';
import { closedOnClock, createPolicyManager, quiet } from '../support/policy-manager.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

/** A thread that nobody has used yet. */
const UNUSED: ThreadSnapshot = { id: 0, state: 'stopped', work: null, overdue: false, heapUsedBytes: null };

/** A manager with one thread, whose tasks have a policy, on a clock that only the test moves. */
function faultManager(policy: Pick<TaskPolicy, 'killable' | 'cancelGraceMs' | 'heartbeatTimeoutMs'>) {
  const clock = new ManualClock();
  const types = { fault: taskType(taskModule<typeof fault>(builtTask('fault')), policy) };
  return { clock, tasks: closedOnClock(new TaskManager({ types, threads: { max: 1 }, clock }), clock) };
}

function states(tasks: { threads(): readonly ThreadSnapshot[] }): readonly (readonly [number, string])[] {
  return tasks.threads().map(({ id, state }) => [id, state]);
}

describe('threads()', () => {
  it('shows of a batch which items are where, and since when', async () => {
    const { tasks, clock } = createPolicyManager({ chunk: { max: 1 } });
    expect(tasks.threads()).toEqual([UNUSED, { ...UNUSED, id: 1 }]);
    const gate = new Gate();
    const task = await tasks.submit('each', { items: [{ gate: gate.buffer }, { gate: gate.buffer }] });
    await gate.arrived(2);
    const since = clock.now();
    clock.advance(5_000);
    const threads = tasks.threads();
    expect(threads).toMatchObject([
      { id: 0, state: 'busy', overdue: false },
      { id: 1, state: 'busy', overdue: false },
    ]);
    const work = { taskId: task.id, type: 'each', phase: 'run', packed: 1, since, lastHeartbeatAt: since + 100 };
    const byItem = threads.map((thread) => thread.work).sort((a, b) => (a?.from ?? 0) - (b?.from ?? 0));
    expect(byItem).toEqual([
      { ...work, from: 0, to: 1 },
      { ...work, from: 1, to: 2 },
    ]);
    expect([threads, threads[0]?.work].map((shown) => Object.isFrozen(shown))).toEqual([false, true]);
    expect(Object.isFrozen(threads[0])).toBe(true);
    gate.open();
    await task.settled();
    await quiet(tasks);
    expect(tasks.threads()).toMatchObject([
      { state: 'idle', work: null },
      { state: 'idle', work: null },
    ]);
  });

  it('shows work in one piece without items, and the heap of a thread once it has ended a chunk', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const before = Date.now();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const [thread] = tasks.threads();
    const work = { taskId: task.id, type: 'fault', phase: 'run', from: null, to: null, packed: 1 };
    expect(thread).toMatchObject({ id: 0, state: 'busy', overdue: false, heapUsedBytes: null, work });
    const { since = 0, lastHeartbeatAt = 0 } = thread?.work ?? {};
    expect([before <= since, since <= lastHeartbeatAt, lastHeartbeatAt <= Date.now()]).toEqual([true, true, true]);
    // However often one looks.
    expect(new Set(Array.from({ length: 50 }, () => tasks.threads()[0]?.work?.since)).size).toBe(1);
    gate.open();
    await task.settled();
    const heap = tasks.threads()[0]?.heapUsedBytes;
    expect(heap).toBeGreaterThan(100_000);
    expect(heap).toBeLessThan(2 ** 30);
  });

  it.each(['finish', 'cleanup'] as const)('says that a task is at its %s', async (step) => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const [gate, counters] = [new Gate(), new SharedArrayBuffer(16)];
    const input = { counters, items: 3, [step]: 'gate', gate: gate.buffer } as const;
    const task = await tasks.submit('steps', { input });
    await gate.arrived();
    expect(tasks.threads()[0]?.work).toMatchObject({ taskId: task.id, phase: step, from: null, to: null });
    gate.open();
    await task.settled();
  });

  it('says that a task is at its plan', async () => {
    const { tasks } = createPolicyManager();
    const [tries, gate] = [new Gate(), new Gate()];
    const input = { plan: { tries: tries.buffer, failures: 0, gate: gate.buffer } };
    const task = await tasks.submit('stages', { input });
    await gate.arrived();
    expect(tasks.threads().map(({ work }) => work?.phase)).toEqual(['plan', undefined]);
    gate.open();
    await task.settled();
  });

  it.skipIf(process.platform === 'win32')('shows no work of a thread that loads a module for ready()', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'treadle-threads-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const pipe = new NamedPipe(join(folder, 'pipe'));
    const module = new ModuleFile(join(folder, 'module.mjs'));
    module.breakAfter(pipe.path);
    const types = { fault: taskType(taskModule<typeof fault>(module.path)) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 1 } }));
    const refused = expect(tasks.ready()).rejects.toMatchObject({ code: 'TASK_MODULE_FAILED' });
    expect(states(tasks)).toEqual([[0, 'starting']]);
    const reading = await pipe.read();
    expect(tasks.threads()).toEqual([{ ...UNUSED, state: 'busy' }]);
    await reading.end();
    await refused;
  });

  it('names of a pack the task that is being run, and counts it and those that wait behind it', async () => {
    const { tasks } = await packManager();
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 5, (at) => (at === 2 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    const work = { taskId: handles[2]?.id, type: 'packed', phase: 'run', from: null, to: null };
    expect(tasks.threads()[0]?.work).toMatchObject({ ...work, packed: 3 });
    // What has not begun is taken back.
    handles[4]?.cancel();
    expect(tasks.threads()[0]?.work).toMatchObject({ ...work, packed: 2 });
    gate.open();
    await settledRecords(handles);
  });

  it('shows nothing of the work of other owners', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const input = { action: 'gate', gate: gate.buffer } as const;
    const handles = [
      await tasks.submit('fault', { input, owner: 'ann' }),
      await tasks.submit('fault', { input, owner: 'bob' }),
    ];
    await gate.arrived(2);
    const shown = (owner: string) => tasks.threads({ owner }).map(({ work }) => work?.taskId ?? null);
    const all = tasks.threads().map(({ work }) => work?.taskId);
    expect(new Set(all)).toEqual(new Set(handles.map(({ id }) => id)));
    expect(shown('ann')).toEqual(all.map((id) => (id === handles[0]?.id ? id : null)));
    expect(shown('bob')).toEqual(all.map((id) => (id === handles[1]?.id ? id : null)));
    expect(shown('cid')).toEqual([null, null]);
    expect(tasks.threads({ owner: 'cid' }).map(({ state }) => state)).toEqual(['busy', 'busy']);
    gate.open();
    await Promise.all(handles.map((task) => task.settled()));
  });

  it('names of a pack of several owners only their own tasks', async () => {
    const { tasks, clock } = await packManager({ heartbeatTimeoutMs: 10 });
    const gate = new Gate();
    const owners = ['cid', 'bob', 'ann', 'bob', 'ann'];
    const tally = new SharedArrayBuffer(4 * 26);
    tasks.pause();
    const handles = await Promise.all(
      owners.map((owner, at) =>
        tasks.submit('packed', { input: { at, tally, gate: at === 1 ? gate.buffer : undefined }, owner }),
      ),
    );
    tasks.resume();
    await gate.arrived();
    const shown = (owner: string) => tasks.threads({ owner })[0];
    expect(shown('bob')?.work).toMatchObject({ taskId: handles[1]?.id, packed: 2 });
    expect(shown('ann')?.work).toMatchObject({ taskId: handles[2]?.id, packed: 2 });
    // Its task is over.
    expect(shown('cid')?.work).toBeNull();
    clock.advance(11);
    // It is the task of one that is silent.
    expect(owners.map((owner) => shown(owner)?.overdue)).toEqual([false, true, false, true, false]);
    gate.open();
    await settledRecords(handles);
  });

  it('shows the work of a thread that dies until it is gone, and nothing of its heap in the one that takes its place', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const dying: (readonly ThreadSnapshot[])[] = [];
    const look = (worker: Worker): void => {
      // A moment later, to hear of its error after the engine has; its exit is told after that.
      queueMicrotask(() => worker.once('error', () => dying.push(tasks.threads())));
    };
    process.on('worker', look);
    onTestFinished(() => void process.off('worker', look));
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    expect(tasks.threads()[0]?.heapUsedBytes).toBeGreaterThan(0);
    const crashed = await tasks.submit('fault', { input: { action: 'crash' } });
    await crashed.settled();
    expect(dying).toMatchObject([[{ id: 0, state: 'busy', work: { taskId: crashed.id }, heapUsedBytes: null }]]);
    const gate = new Gate();
    const next = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    expect(tasks.threads()).toMatchObject([
      { id: 0, state: 'busy', overdue: false, work: { taskId: next.id }, heapUsedBytes: null },
    ]);
    gate.open();
    await next.settled();
  });

  it('refuses a scope that names nobody', () => {
    const tasks = createTestManager();
    const threads = tasks.threads.bind(tasks) as (scope: unknown) => unknown;
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error;
    for (const scope of [{ owner: undefined }, { owner: 7 }, { user: 'ann' }, null]) {
      expect(() => threads(scope)).toThrow(refused);
    }
  });
});

describe('a thread is overdue', () => {
  it('when its work was told to stop longer ago than its grace', async () => {
    const { tasks, clock } = faultManager({ killable: false, cancelGraceMs: 500 });
    const gate = new Gate();
    const input = { action: 'ignore-cancel', gate: gate.buffer } as const;
    const task = await tasks.submit('fault', { input, owner: 'ann' });
    await gate.arrived();
    const overdue = (owner?: string) =>
      tasks.threads(owner === undefined ? {} : { owner }).map((thread) => thread.overdue);
    clock.advance(60_000);
    expect(overdue()).toEqual([false]);
    task.cancel();
    clock.advance(500);
    expect([overdue(), tasks.stats().threads.overdue]).toEqual([[false], 0]);
    clock.advance(1);
    expect([overdue(), overdue('ann'), overdue('bob')]).toEqual([[true], [true], [false]]);
    expect(tasks.stats().threads).toMatchObject({ busy: 1, overdue: 1 });
    expect(
      [tasks.stats({ owner: 'ann' }), tasks.stats({ owner: 'bob' })].map(({ threads }) => threads.overdue),
    ).toEqual([1, 0]);
    gate.open();
    await task.settled();
    await quiet(tasks);
    expect([overdue(), tasks.stats().threads.overdue]).toEqual([[false], 0]);
    // Of the next work nothing of that is left.
    const next = new Gate();
    const after = await tasks.submit('fault', { input: { action: 'ignore-cancel', gate: next.buffer } });
    await next.arrived();
    clock.advance(60_000);
    expect(overdue()).toEqual([false]);
    next.open();
    await after.settled();
  });

  it('while it is being ended in vain: it stays busy with that work until it is gone', async () => {
    const { tasks, clock } = faultManager({ cancelGraceMs: 500 });
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'hang', gate: gate.buffer } });
    await gate.arrived();
    task.cancel();
    clock.advance(501);
    expect(tasks.threads()).toMatchObject([{ state: 'busy', overdue: true, work: { taskId: task.id } }]);
    expect((await task.settled()).status).toBe('cancelled');
    expect(tasks.threads()).toMatchObject([{ overdue: false, work: null, heapUsedBytes: null }]);
  });

  it('when it has been silent for longer than its type allows', async () => {
    const { tasks, clock } = faultManager({ heartbeatTimeoutMs: 2_000 });
    const gate = new Gate();
    const steps = [[1, 10]] as const;
    const task = await tasks.submit('fault', { input: { action: 'progress', steps, gate: gate.buffer } });
    await gate.arrived();
    const since = clock.now();
    clock.advance(2_100);
    // Nobody has asked until now, but the progress is looked for ten times a second.
    expect(tasks.threads()).toMatchObject([{ overdue: false, work: { since, lastHeartbeatAt: since + 100 } }]);
    clock.advance(1);
    expect(tasks.threads()).toMatchObject([{ overdue: true, work: { since, lastHeartbeatAt: since + 100 } }]);
    gate.open();
    await task.settled();
  });
});

describe('the last sign of life', () => {
  it('may be that the next task of a pack has begun', async () => {
    const { tasks, clock } = await packManager();
    const gates = [new Gate(), new Gate()];
    const { handles } = await submitTogether(tasks, 2, (at) => ({ gate: gates[at]?.buffer }));
    const seen: number[] = [];
    for (const gate of gates) {
      await gate.arrived();
      clock.advance(10);
      seen.push(tasks.threads()[0]?.work?.lastHeartbeatAt as number);
      clock.advance(10);
      seen.push(tasks.threads()[0]?.work?.lastHeartbeatAt as number);
      gate.open();
    }
    expect(seen.map((at) => at - (seen[0] as number))).toEqual([0, 0, 20, 20]);
    await settledRecords(handles);
  });

  it('is the moment of the look that saw the change', () => {
    const clock = new ManualClock(1_000);
    const watch = new LaneWatch(clock);
    watch.sent(7);
    clock.advance(40);
    watch.look(7);
    expect(watch.sight(7)).toEqual({ since: 1_000, lastHeartbeatAt: 1_000, silentMs: 40, stoppingMs: null });
    clock.advance(60);
    watch.look(8);
    clock.advance(30);
    watch.stopped();
    clock.advance(5);
    watch.stopped();
    expect(watch.sight(8)).toEqual({ since: 1_000, lastHeartbeatAt: 1_100, silentMs: 35, stoppingMs: 5 });
    watch.sent(8);
    expect(watch.sight(8)).toEqual({ since: 1_135, lastHeartbeatAt: 1_135, silentMs: 0, stoppingMs: null });
  });
});

describe('the heap of a thread', () => {
  it('is measured once a second, or after each chunk where there is a limit', () => {
    const control = new ControlBlock();
    const measured = (heap: ThreadHeap, now: number): boolean => {
      control.noteHeap(1);
      heap.measure(now);
      return (control.heapUsedBytes ?? 0) > 1;
    };
    expect(control.heapUsedBytes).toBeNull();
    const free = new ThreadHeap(control, Infinity);
    expect([0, 999, 1_000, 1_001, 2_500].map((now) => measured(free, now))).toEqual([true, false, true, false, true]);
    expect(free.measure(5_000)).toBeUndefined();
    const limited = new ThreadHeap(control, 10_000);
    expect([0, 1, 2].map((now) => measured(limited, now))).toEqual([true, true, true]);
    expect([limited.measure(3), new ThreadHeap(control, 1).measure(0)]).toEqual([false, true]);
    control.forgetHeap();
    expect(control.heapUsedBytes).toBeNull();
  });
});

describe('the number of a thread', () => {
  it('stays with it, and is given again when the thread is gone', async () => {
    const tasks = createTestManager({ threads: { max: 3 } });
    const gate = new Gate();
    const submit = () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    const handles = [await submit(), await submit(), await submit()];
    await gate.arrived(3);
    tasks.setThreads(1);
    expect(states(tasks)).toEqual([
      [0, 'busy'],
      [1, 'busy'],
      [2, 'busy'],
    ]);
    tasks.setThreads(2);
    expect(states(tasks)).toEqual([
      [0, 'busy'],
      [1, 'busy'],
      [2, 'busy'],
      [3, 'stopped'],
    ]);
    tasks.setThreads(1);
    gate.open();
    await Promise.all(handles.map((handle) => handle.settled()));
    while (tasks.threads().length > 1) await turn();
    expect(states(tasks)).toEqual([[0, 'idle']]);
    tasks.setThreads(2);
    expect(states(tasks)).toEqual([
      [0, 'idle'],
      [1, 'stopped'],
    ]);
  });

  it('is nobody’s after close(), but for threads that still work', async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: { fault: taskType(taskModule<typeof fault>(builtTask('fault')), { killable: false }) },
        threads: { max: 2 },
      }),
    );
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'ignore-cancel', gate: gate.buffer } });
    await gate.arrived();
    const { alive } = await tasks.close({ timeoutMs: 0 });
    expect(alive).toEqual([task.id]);
    expect(tasks.threads().map(({ work }) => work?.taskId)).toEqual([task.id]);
    gate.open();
    await task.settled();
    while (tasks.threads().length > 0) await turn();
    expect(tasks.stats().threads.live).toBe(0);
  });
});
