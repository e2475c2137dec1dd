import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TaskManager, taskModule, taskType } from 'treadle';
import type { ManualClock } from '../support/manual-clock.js';
import {
  LARGE_PACKS,
  packManager,
  settledRecords,
  statusesOf,
  submitTogether,
  timedPackManager,
} from '../support/pack-manager.js';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import type { Fault } from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';
import type { Packed } from '../tasks/packed.task.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('a task that fails among others of its chunk', () => {
  it.each<[Packed['act'] & string, object]>([
    ['throw', { code: 'TASK_FAILED', name: 'RangeError', message: 'task 7 failed' }],
    ['permanent', { code: 'TASK_FAILED', message: 'task 7 failed for good' }],
    ['unclonable', { code: 'UNSERIALIZABLE' }],
    ['exit', { code: 'WORKER_EXITED' }],
    ['crash', { code: 'WORKER_EXITED' }],
  ])('by %s fails alone, and the others come through', async (act, error) => {
    const { tasks } = await packManager();
    const failed: string[] = [];
    tasks.on('failed', ({ id }) => failed.push(id));
    const { handles, tally } = await submitTogether(tasks, 30, (at) => (at === 7 ? { act } : {}));
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 29, failed: 1 });
    expect(records[7]).toMatchObject({ status: 'failed', attempt: 1, error });
    expect(failed).toEqual([handles[7]?.id]);
    expect(tally.counts[7]).toBe(1);
    expect(tally.counts).not.toContain(0);
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, failed: 1, completed: 29 });
  });

  it('by using up its memory fails alone', async () => {
    const { tasks } = await packManager({}, { threads: { max: 1, resourceLimits: { maxOldGenerationSizeMb: 40 } } });
    const { handles } = await submitTogether(tasks, 10, (at) => (at === 3 ? { act: 'oom' } : {}));
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 9, failed: 1 });
    expect(records[3]?.error?.code).toBe('WORKER_OUT_OF_MEMORY');
  });

  it('is tried again as its type says, alone and after the others', async () => {
    const { tasks } = await packManager({ retries: 1, backoff: () => 0 });
    const acts: Packed['act'][] = ['throw', 'exit', 'crash'];
    const { handles, tally } = await submitTogether(tasks, 30, (at) =>
      at % 10 === 5 ? { act: acts[(at - 5) / 10], once: true } : {},
    );
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 30 });
    expect(records.flatMap(({ attempt }, at) => (attempt === 2 ? [at] : []))).toEqual([5, 15, 25]);
    expect([tally.counts[5], tally.counts[15], tally.counts[25]]).toEqual([2, 2, 2]);
  });

  it('is not tried again where it said that this is for good', async () => {
    const { tasks } = await packManager({ retries: 3, backoff: () => 0 });
    const { handles, tally } = await submitTogether(tasks, 5, (at) => (at === 2 ? { act: 'permanent' } : {}));
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 4, failed: 1 });
    expect(tally.counts[2]).toBe(1);
  });

  it('because its input can not be sent fails alone', async () => {
    const module = taskModule<typeof fault>(builtTask('fault'));
    const types = { fault: taskType(module, { pack: true, chunk: LARGE_PACKS }) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 1 }, maxConcurrentTasks: 1 }));
    await tasks.ready();
    tasks.pause();
    const changed: { value?: unknown } = {};
    const inputs = numbers(9).map((at): Fault => ({ action: 'echo', value: at === 4 ? changed : at }));
    const handles = await Promise.all(inputs.map((input) => tasks.submit('fault', { input })));
    // It was cloneable when it was submitted.
    changed.value = () => 1;
    tasks.resume();
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 8, failed: 1 });
    expect(records[4]?.error?.code).toBe('UNSERIALIZABLE');
  });
});

describe('many that fail', () => {
  it('each fail for themselves', async () => {
    const { tasks } = await packManager();
    const { handles, tally } = await submitTogether(tasks, 100, (at) => (at % 3 === 0 ? { act: 'throw' } : {}));
    const records = await settledRecords(handles);
    expect(records.flatMap(({ status }, at) => (status === 'failed' ? [at] : []))).toEqual(
      numbers(100).filter((at) => at % 3 === 0),
    );
    expect(tally.counts).toEqual(numbers(100).map(() => 1));
  });

  it('and take their threads along are kept from threads after a while, also where later ones would share a chunk', async () => {
    const { tasks } = await packManager({}, { maxConcurrentTasks: 2 });
    const first = await submitTogether(tasks, 40, () => ({ act: 'exit' }));
    const records = await settledRecords(first.handles);
    expect(statusesOf(records)).toEqual({ failed: 40 });
    const deaths = first.tally.counts.reduce((sum, count) => sum + count, 0);
    expect(deaths).toBeLessThan(40);
    // All those that it refuses cost no thread.
    const later = await submitTogether(tasks, 40, () => ({ act: 'exit' }));
    expect(statusesOf(await settledRecords(later.handles))).toEqual({ failed: 40 });
    expect(later.tally.counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1);
  });
});

/** More than a task may take that shares its chunk, and as much again as the host then listens. */
function passLong(clock: ManualClock): void {
  clock.advance(51);
  clock.advance(1);
}

describe('a task that takes long among others of its chunk', () => {
  it('goes on alone, and the others run on another thread meanwhile', async () => {
    const { tasks, clock } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const gate = new Gate();
    const { handles, tally } = await submitTogether(tasks, 30, (at) => (at === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived();
    passLong(clock);
    const [long, ...others] = handles;
    expect(statusesOf(await settledRecords(others))).toEqual({ completed: 29 });
    expect([long?.record.status, tasks.stats().running]).toEqual(['running', 1]);
    gate.open();
    expect(await long?.result()).toMatchObject({ at: 0, attempt: 1 });
    expect(tally.counts[0]).toBe(1);
  });

  it('does so by the time of the machine, too', async () => {
    const tasks = await timedPackManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 30, (at) => (at === 4 ? { gate: gate.buffer } : {}));
    expect(statusesOf(await settledRecords(handles.filter((_, at) => at !== 4)))).toEqual({ completed: 29 });
    gate.open();
    expect(await handles[4]?.result()).toMatchObject({ at: 4 });
  });

  it('that came alone to its thread lets those that come later run elsewhere', async () => {
    const { tasks, clock } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 2 });
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 1, () => ({ gate: gate.buffer }));
    await gate.arrived();
    clock.advance(100);
    passLong(clock);
    const later = await submitTogether(tasks, 10);
    expect(statusesOf(await settledRecords(later.handles))).toEqual({ completed: 10 });
    expect(handles[0]?.record.status).toBe('running');
    gate.open();
    await handles[0]?.result();
  });

  it('has its time, from when it began, and is ended then; the others are not', async () => {
    const { tasks, clock } = await packManager({ timeoutMs: 80, retries: 0 });
    const gate = new Gate();
    const { handles } = await submitTogether(tasks, 20, (at) => (at === 0 ? { act: 'spin', gate: gate.buffer } : {}));
    await gate.arrived();
    passLong(clock);
    expect(handles[0]?.record).toMatchObject({ status: 'running', stopping: null });
    clock.advance(28);
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 19, failed: 1 });
    expect(records[0]).toMatchObject({ attempt: 1, error: { code: 'TASK_TIMEOUT' } });
  });

  it.each(['its own', 'its type'])('keeps to the time that %s allows where that is short', async (whose) => {
    const { tasks, clock } = await packManager(whose === 'its type' ? { timeoutMs: 20 } : {});
    const gate = new Gate();
    const { handles } = await submitTogether(
      tasks,
      20,
      (at) => (at === 0 ? { act: 'spin', gate: gate.buffer } : {}),
      (at) => (at === 0 && whose === 'its own' ? { timeoutMs: 20 } : {}),
    );
    await gate.arrived();
    clock.advance(20);
    clock.advance(1);
    clock.advance(0);
    const records = await settledRecords(handles);
    expect(statusesOf(records)).toEqual({ completed: 19, failed: 1 });
    expect(records[0]).toMatchObject({ attempt: 1, error: { code: 'TASK_TIMEOUT' } });
  });
});

describe('a host that was held up', () => {
  it('does not take tasks for slow that have run meanwhile', async () => {
    const { tasks, clock } = await packManager();
    const { handles, tally } = await submitTogether(tasks, 40, () => ({ act: 'busy' }));
    // Nothing is heard while this goes on.
    while (tally.counts.includes(0)) {
      if (tally.counts[0] === 0) await turn();
    }
    clock.advance(50);
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 40 });
    expect(Math.max(...tally.counts)).toBe(1);
  });
});
