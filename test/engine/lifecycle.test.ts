import { type SettledRecord, TRANSITIONS, type TaskRecord, TreadleError, taskModule, taskType } from 'treadle';
import { TaskManager } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

describe('the life of a task', () => {
  it('runs on a thread, and its record tells what became of it', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', {
      input: { action: 'echo', value: { n: 1 } },
      resourceId: 'r',
      group: 'g',
      owner: 'o',
      priority: 2,
      meta: { from: 'a test' },
    });
    expect(task.record).toMatchObject({
      status: 'pending',
      startedAt: null,
      completedAt: null,
      error: null,
      attempt: 1,
    });
    expect(await task.result()).toEqual({ n: 1 });
    const record = task.record;
    expect(record).toMatchObject({
      id: task.id,
      type: 'fault',
      status: 'completed',
      resourceId: 'r',
      group: 'g',
      owner: 'o',
      priority: 2,
      meta: { from: 'a test' },
      result: { n: 1 },
      resultOmitted: false,
      error: null,
      progress: { fraction: 1, etaMs: null },
    });
    expect(record.createdAt).toBeLessThanOrEqual(record.startedAt ?? Number.NaN);
    expect(record.startedAt).toBeLessThanOrEqual(record.completedAt ?? Number.NaN);
    expect(Object.isFrozen(record)).toBe(true);
    expect(tasks.get(task.id)).toBe(record);
    expect(JSON.stringify(record)).not.toContain('echo');
  });

  it('emits one event for each transition, named after the state, and none after the last', async () => {
    const tasks = createTestManager();
    const seen: string[] = [];
    for (const name of ['submitted', 'running', 'cancelling', 'completed', 'failed', 'cancelled'] as const) {
      tasks.on(name, (record: TaskRecord) => seen.push(`${name}:${record.status}`));
    }
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    await (await tasks.submit('fault', { input: { action: 'throw' } })).settled();
    const gate = new Gate();
    const cancelled = await tasks.submit('fault', { input: { action: 'spin', gate: gate.buffer } });
    await gate.arrived();
    cancelled.cancel();
    await cancelled.settled();
    await tasks.close();
    expect(seen).toEqual([
      'submitted:pending',
      'running:running',
      'completed:completed',
      'submitted:pending',
      'running:running',
      'failed:failed',
      'submitted:pending',
      'running:running',
      'cancelling:cancelling',
      'cancelled:cancelled',
    ]);
  });

  it('fires hooks of the task, the type and the manager once, with nobody reading, and isolates what they throw', async () => {
    const calls: string[] = [];
    const errors: unknown[] = [];
    const tasks = closedAtEnd(
      new TaskManager({
        types: {
          fault: taskType(taskModule<typeof fault>(builtTask('fault')), {
            onSettled: (record) => void calls.push(`type:${record.status}`),
          }),
        },
      }),
    );
    tasks.on('listenerError', (error) => errors.push(error));
    tasks.onSettled(() => {
      throw new Error('a hook failed');
    });
    tasks.onSettled(async () => {
      await Promise.resolve();
      throw new Error('a hook failed later');
    });
    tasks.once('failed', () => {
      throw new Error('a listener failed');
    });
    const unregister = tasks.onSettled(() => void calls.push('unregistered'));
    unregister();
    const { promise, resolve } = promiseOf<SettledRecord>();
    tasks.onSettled(resolve);
    await tasks.submit('fault', {
      input: { action: 'throw' },
      onSettled: (record) => void calls.push(`task:${record.status}`),
    });
    expect((await promise).status).toBe('failed');
    await tasks.close();
    expect(calls).toEqual(['task:failed', 'type:failed']);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      'a listener failed',
      'a hook failed',
      'a hook failed later',
    ]);
  });

  it('calls a hook that another hook registers from the next task on', async () => {
    const tasks = createTestManager();
    const calls: string[] = [];
    tasks.onSettled(({ id }) => {
      calls.push(`first ${id}`);
      tasks.onSettled((record) => void calls.push(`added ${record.id}`));
    });
    const [a, b] = [
      await tasks.submit('fault', { input: { action: 'echo' }, meta: 'a' }),
      await tasks.submit('fault', { input: { action: 'echo' }, meta: 'b' }),
    ];
    const ids = (await Promise.all([a.settled(), b.settled()])).map((record) => record.id);
    const [one, other] = calls[0]?.endsWith(ids[0] ?? '') === true ? ids : ids.toReversed();
    expect(calls).toEqual([`first ${one}`, `first ${other}`, `added ${other}`]);
  });

  it('keeps at most 3 of 50 in progress, settles all, first in first out', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 3 });
    const started: string[] = [];
    let most = 0;
    const note = (): void => {
      const { running, cancelling } = tasks.stats();
      most = Math.max(most, running + cancelling);
    };
    tasks.on('running', (record) => {
      started.push(record.id);
      note();
    });
    tasks.on('completed', note);
    const handles = await Promise.all(
      Array.from({ length: 50 }, (_, value) => tasks.submit('fault', { input: { action: 'echo', value } })),
    );
    expect(tasks.stats()).toMatchObject({ total: 50, pending: 50, maxConcurrentTasks: 3 });
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(
      Array.from({ length: 50 }, (_, at) => at),
    );
    expect(started).toEqual(handles.map((handle) => handle.id));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(3);
    expect(tasks.stats()).toMatchObject({ total: 50, pending: 0, running: 0, completed: 50 });
  });

  it('starts waiting tasks by priority, then in order', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1, threads: { max: 1 } });
    const started: unknown[] = [];
    tasks.on('running', (record) => started.push(record.meta));
    tasks.pause();
    const handles = await Promise.all(
      [0, 0, 5, -5, 5, 1].map((priority, at) =>
        tasks.submit('fault', { input: { action: 'echo' }, priority, meta: `${priority}/${at}` }),
      ),
    );
    tasks.resume();
    await Promise.all(handles.map((handle) => handle.settled()));
    expect(started).toEqual(['5/2', '5/4', '1/5', '0/0', '0/1', '-5/3']);
  });

  it('starts nothing while paused, lets what flies end, and goes on after resume', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const flying = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    tasks.pause();
    const waiting = await tasks.submit('fault', { input: { action: 'echo' } });
    gate.open();
    expect((await flying.settled()).status).toBe('completed');
    expect(tasks.stats()).toMatchObject({ paused: true, pending: 1, running: 0 });
    tasks.resume();
    expect((await waiting.settled()).status).toBe('completed');
  });

  it('takes a new limit at once, up and down', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1, threads: { max: 3 } });
    const gate = new Gate();
    const handles = await Promise.all(
      Array.from({ length: 5 }, () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } })),
    );
    await gate.arrived(1);
    expect(tasks.stats()).toMatchObject({ running: 1, pending: 4 });
    tasks.setMaxConcurrentTasks(3);
    await gate.arrived(3);
    expect(tasks.stats()).toMatchObject({ running: 3, pending: 2, maxConcurrentTasks: 3 });
    tasks.setMaxConcurrentTasks(1);
    gate.open();
    await Promise.all(handles.map((handle) => handle.settled()));
    expect(tasks.stats()).toMatchObject({ completed: 5, maxConcurrentTasks: 1 });
  });

  it('refuses what is over queue.max with QUEUE_FULL and takes more when there is room again', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1, queue: { max: 2 } });
    const gate = new Gate();
    const first = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const waiting = [
      await tasks.submit('fault', { input: { action: 'echo' } }),
      await tasks.submit('fault', { input: { action: 'echo' } }),
    ];
    await expect(tasks.submit('fault', { input: { action: 'echo' } })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(tasks.stats()).toMatchObject({ total: 3, pending: 2 });
    gate.open();
    await Promise.all([first, ...waiting].map((task) => task.settled()));
    expect((await (await tasks.submit('fault', { input: { action: 'echo' } })).settled()).status).toBe('completed');
  });

  it('watches: the present record first, the terminal one last, and never throws for a failed task', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const task = await tasks.submit('fault', {
      input: {
        action: 'progress',
        steps: [
          [1, 4],
          [3, 4],
        ],
        gate: gate.buffer,
      },
    });
    const seen: TaskRecord[] = [];
    for await (const record of task.watch()) {
      seen.push(record);
      if (record.progress.fraction === 0.75) gate.open();
    }
    expect(seen[0]?.status).toBe('pending');
    expect(seen.at(-1)).toMatchObject({ status: 'completed', stage: 'halted', progress: { fraction: 1 } });
    const fractions = seen.map((record) => record.progress.fraction ?? 0);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));

    const failed = await tasks.submit('fault', { input: { action: 'throw' } });
    await failed.settled();
    const after: string[] = [];
    for await (const record of failed.watch()) after.push(record.status);
    expect(after).toEqual(['failed']);
  });

  it('makes no unhandled rejection of a failed task that nobody awaits', async () => {
    const tasks = createTestManager();
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    await (await tasks.submit('fault', { input: { action: 'throw' } })).settled();
    await tasks.close();
    await new Promise((resolve) => void setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('keeps a large result out of the record, and gives it to who holds the handle', async () => {
    const tasks = createTestManager();
    const value = 'x'.repeat(100_000);
    const task = await tasks.submit('fault', { input: { action: 'echo', value } });
    expect(await task.result()).toBe(value);
    expect(task.record).toMatchObject({ result: null, resultOmitted: true });
  });

  it('names every state of the table in the diagram of ARCHITECTURE.md', async () => {
    const { readFile } = await import('node:fs/promises');
    const text = await readFile(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8');
    const drawn = [...text.matchAll(/^\s*(\w+) --> (\w+)/gm)].map(([, from, to]) => `${from} ${to}`);
    const table = Object.entries(TRANSITIONS).flatMap(([from, following]) => following.map((to) => `${from} ${to}`));
    expect(drawn.toSorted()).toEqual(table.toSorted());
  });

  it('gives a TreadleError with a code, the task and the cause', async () => {
    const tasks = createTestManager();
    const task = await tasks.submit('fault', { input: { action: 'throw' } });
    const error = await task.result().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TreadleError);
    expect(error).toMatchObject({ code: 'TASK_FAILED', taskId: task.id });
    expect((error as TreadleError).cause).toBeInstanceOf(RangeError);
  });
});

function promiseOf<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
