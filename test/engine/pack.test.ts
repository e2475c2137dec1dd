import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, TaskManager, type TaskPolicy, systemClock, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import {
  LARGE_PACKS,
  packManager,
  packTypes,
  settledRecords,
  statusesOf,
  submitTogether,
  timedPackManager,
} from '../support/pack-manager.js';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type { Fault } from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';
import type items from '../tasks/items.task.js';
import { Tally } from '../tasks/packed.task.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('tasks that share a chunk', () => {
  it('are run one after another, each once, and each has a record and a result of its own', async () => {
    const tasks = await timedPackManager();
    const before = Date.now();
    const { tally, handles } = await submitTogether(tasks, 300);
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map(({ at }) => at)).toEqual(numbers(300));
    expect(tally.firstTime).toEqual(numbers(300));
    const records = handles.map(({ record }) => record);
    expect(new Set(records.map(({ id }) => id)).size).toBe(300);
    for (const { status, attempt, createdAt, startedAt, completedAt, progress } of records) {
      expect([status, attempt, progress.fraction]).toEqual(['completed', 1, 1]);
      expect(createdAt).toBeGreaterThanOrEqual(before);
      expect(startedAt).toBeGreaterThanOrEqual(createdAt);
      expect(completedAt).toBeGreaterThanOrEqual(startedAt as number);
      expect(completedAt).toBeLessThanOrEqual(Date.now());
    }
  });

  it('start one after another by their records, as far as milliseconds tell', async () => {
    // By this clock nothing ever takes long, so that none is set apart on a slow machine.
    const clock: Clock = { ...systemClock, monotonic: () => 0 };
    const tasks = await timedPackManager({}, { clock });
    const { handles } = await submitTogether(tasks, 10, () => ({ act: 'busy' }));
    const records = await settledRecords(handles);
    const starts = records.map(({ startedAt }) => startedAt as number);
    // Ten that take two milliseconds each.
    for (const [at, start] of starts.slice(1).entries())
      expect(start - (starts[at] as number)).toBeGreaterThanOrEqual(0);
    expect((starts.at(-1) as number) - (starts[0] as number)).toBeGreaterThanOrEqual(16);
  });

  it('are said to run one at a time, also while what the last one returned is not heard yet', async () => {
    const { tasks } = await packManager();
    const running = new Set<string>();
    let most = 0;
    tasks.on('running', ({ id }) => (most = Math.max(most, running.add(id).size)));
    tasks.on('completed', ({ id }) => running.delete(id));
    for (let round = 0; round < 20; round++) {
      const gate = new Gate();
      const { handles } = await submitTogether(tasks, 2, (at) => (at === 1 ? { gate: gate.buffer } : {}));
      await gate.arrived();
      // Looks which one the thread is at.
      expect(tasks.stats().running).toBeLessThanOrEqual(1);
      gate.open();
      await settledRecords(handles);
    }
    expect(most).toBe(1);
  });

  it('tell of a start and an end each, in order, and call each hook once', async () => {
    const { tasks } = await packManager();
    const told: string[] = [];
    const hooked: string[] = [];
    tasks.on('running', ({ id }) => told.push(`running ${id}`));
    tasks.on('completed', ({ id }) => told.push(`completed ${id}`));
    tasks.onSettled(({ id }) => void hooked.push(id));
    const { handles } = await submitTogether(tasks, 50);
    await settledRecords(handles);
    const ids = handles.map(({ id }) => id);
    for (const id of ids) {
      expect(told.filter((line) => line.endsWith(id))).toEqual([`running ${id}`, `completed ${id}`]);
    }
    expect(told.filter((line) => line.startsWith('completed'))).toEqual(ids.map((id) => `completed ${id}`));
    await tasks.close();
    expect(hooked).toEqual(ids);
  });

  it('are running only while a thread is at them: of 200 behind a gate as many as there are threads', async () => {
    const gate = new Gate();
    const { tasks } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 4 });
    const { handles, tally } = await submitTogether(tasks, 200, () => ({ gate: gate.buffer }));
    await gate.arrived(2);
    expect(tasks.stats()).toMatchObject({ pending: 198, running: 2, threads: { busy: 2 } });
    expect(handles.filter(({ record }) => record.status === 'running')).toHaveLength(2);
    gate.open();
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 200 });
    expect(tally.counts).toEqual(Array.from({ length: 200 }, () => 1));
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, completed: 200 });
  });

  it('are never more running than there are threads, however often one looks', async () => {
    const { tasks } = await packManager({}, { threads: { max: 2 }, maxConcurrentTasks: 4 });
    let most = 0;
    const { handles } = await submitTogether(tasks, 400);
    while (tasks.stats().completed < 400) {
      for (let looks = 0; looks < 20; looks++) most = Math.max(most, tasks.stats().running);
      await turn();
    }
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 400 });
    expect(most).toBeLessThanOrEqual(2);
  });

  it('say what they log, and how far they are, each for itself', async () => {
    const { tasks } = await packManager();
    const { handles } = await submitTogether(tasks, 20, () => ({ act: 'chat' }));
    for (const [at, { messages, stage }] of (await settledRecords(handles)).entries()) {
      expect(messages.map(({ text }) => text)).toEqual([`first of ${at}`, `second of ${at}`]);
      expect(stage).toBe(`stage of ${at}`);
    }
  });

  it('may wait for something in between', async () => {
    const { tasks } = await packManager();
    const { handles, tally } = await submitTogether(tasks, 30, (at) => (at % 2 === 0 ? { act: 'awaits' } : {}));
    expect(statusesOf(await settledRecords(handles))).toEqual({ completed: 30 });
    expect(tally.firstTime).toEqual(numbers(30));
  });

  it('go by priority, and by their order within one', async () => {
    const { tasks } = await packManager({ chunk: { min: 7, max: 7 } });
    const { handles, tally } = await submitTogether(
      tasks,
      60,
      () => ({}),
      (at) => ({ priority: at % 3 }),
    );
    await settledRecords(handles);
    expect(tally.firstTime).toEqual([2, 1, 0].flatMap((rest) => numbers(60).filter((at) => at % 3 === rest)));
  });

  it('go by their order where there are many slots, too', async () => {
    const { tasks } = await packManager({ chunk: { min: 7, max: 7 } }, { maxConcurrentTasks: 16 });
    const { handles, tally } = await submitTogether(tasks, 100);
    await settledRecords(handles);
    expect(tally.firstTime).toEqual(numbers(100));
  });

  it('take more threads where there are more', async () => {
    const gate = new Gate();
    const { tasks } = await packManager(
      { chunk: { min: 30, max: 30 } },
      { threads: { max: 3 }, maxConcurrentTasks: 8 },
    );
    const { handles } = await submitTogether(tasks, 90, (at) => (at % 30 === 0 ? { gate: gate.buffer } : {}));
    await gate.arrived(3);
    gate.open();
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(new Set(results.map(({ threadId }) => threadId)).size).toBe(3);
  });

  it('keep a large input to itself, and hand it on whole', async () => {
    const types = { fault: taskType(packTypes().fault.module, { pack: true, chunk: LARGE_PACKS }) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 1 }, maxConcurrentTasks: 1 }));
    await tasks.ready();
    const values = ['x'.repeat(20_000), 'small', 'y'.repeat(20_000), 'small', 'small'];
    const gate = new Gate();
    tasks.pause();
    const inputs = values.map((value): Fault => ({ action: 'echo', value }));
    const handles = await Promise.all(
      [...inputs, { action: 'gate', gate: gate.buffer } as const].map((input) => tasks.submit('fault', { input })),
    );
    tasks.resume();
    await gate.arrived();
    // What shares a chunk with the last one is told of by now, or goes back; those before are over.
    await Promise.all(handles.slice(0, 3).map((handle) => handle.settled()));
    gate.open();
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([...values, 1]);
  });

  it('are joined and found like any other', async () => {
    const gate = new Gate();
    const { tasks } = await packManager();
    const tally = new Tally(3);
    const submit = (at: number, resourceId: string, onDuplicate: 'join' | 'reject' = 'join') =>
      tasks.submit('packed', {
        input: { at, tally: tally.buffer, gate: at === 0 ? gate.buffer : undefined },
        resourceId,
        onDuplicate,
      });
    tasks.pause();
    const [first, second] = [await submit(0, 'a'), await submit(1, 'b')];
    tasks.resume();
    await gate.arrived();
    expect((await submit(2, 'b')).id).toBe(second.id);
    expect((await submit(2, 'a')).id).toBe(first.id);
    await expect(submit(2, 'b', 'reject')).rejects.toMatchObject({ code: 'DUPLICATE_TASK', taskId: second.id });
    gate.open();
    expect([(await first.result()).at, (await second.result()).at, tally.counts]).toEqual([0, 1, [1, 1, 0]]);
  });
});

describe('`pack`', () => {
  it.each<[string, TaskPolicy, string]>([
    ['no boolean', { pack: 1 as unknown as boolean }, 'Expected `a task type.pack` to be true or false, got 1'],
    ['true beside `isolate`', { isolate: true }, 'Expected `a task type.pack` to be false where `isolate` is true'],
  ])('is refused where it is %s', (_, policy, message) => {
    expect(() => packTypes(policy)).toThrow(message);
  });

  it('does nothing for a type that works on items, and `ready` says that it should not be there', async () => {
    const types = { items: taskType(taskModule<typeof items>(builtTask('items')), { pack: true }) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 1 } }));
    const handles = await Promise.all(numbers(5).map((at) => tasks.submit('items', { items: [at, at + 1] })));
    for (const handle of handles) expect(await handle.result()).toHaveLength(2);
    await expect(tasks.ready()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
