import { once } from 'node:events';
import { type StrayErrorEvent, TaskManager, type TaskManagerOptions, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { busyFor } from '../support/chunk-runner.js';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type leftBehind from '../tasks/left-behind.task.js';
import type { LeftBehind } from '../tasks/left-behind.task.js';
import type warm from '../tasks/warm.task.js';

/** A manager with one thread, and all stray errors that it told of. */
function oneThread(options: Omit<Partial<TaskManagerOptions<never>>, 'types'> = {}) {
  const tasks = closedAtEnd(
    new TaskManager({
      types: {
        left: taskType(taskModule<typeof leftBehind>(builtTask('left-behind'))),
        // The same file under another name is another module, so this waits for nothing of the other's.
        other: taskType(taskModule<typeof leftBehind>(new URL('?other', builtTask('left-behind')))),
        warm: taskType(taskModule<typeof warm>(builtTask('warm'))),
      },
      threads: { max: 1 },
      ...options,
    }),
  );
  const strays: StrayErrorEvent[] = [];
  tasks.on('strayError', (stray) => strays.push(stray));
  const told = async (): Promise<StrayErrorEvent> => {
    if (strays.length === 0) await new Promise((resolve) => tasks.once('strayError', resolve));
    return strays[0] as StrayErrorEvent;
  };
  const submit = (kind: LeftBehind['kind'], gate = new Gate(), type: 'left' | 'other' = 'left') =>
    tasks.submit(type, { input: { kind, gate: gate.buffer } });
  return { tasks, strays, told, submit };
}

const ERRORS = ['timer', 'null', 'rejection', 'an abort listener'] as const;

describe('what a task left behind', () => {
  it.each(ERRORS)('throws (%s) while the next one runs: that one goes on, and its thread is replaced', async (kind) => {
    const { told, submit } = oneThread();
    const [stray, gate] = [new Gate(), new Gate()];
    const first = await submit(kind, stray);
    const { threadId } = await first.result();
    const next = await submit('wait', gate);
    await gate.arrived();
    stray.open();
    expect(await told()).toMatchObject({
      taskId: first.id,
      type: 'left',
      error: { message: kind === 'null' ? 'null' : 'left behind' },
    });
    gate.open();
    expect(await next.result()).toEqual({ threadId, attempt: 1 });
    const later = await submit('wait', gate);
    expect((await later.result()).threadId).not.toBe(threadId);
    expect(first.record.status).toBe('completed');
  });

  it.each(ERRORS)('throws (%s) while nothing runs: its thread is replaced', async (kind) => {
    const { strays, told, submit } = oneThread();
    const gate = new Gate();
    const { threadId } = await (await submit(kind, gate)).result();
    gate.open();
    await told();
    expect((await (await submit('wait', gate)).result()).threadId).not.toBe(threadId);
    expect(strays).toHaveLength(1);
  });

  it('exits while the next one runs: that one runs again, at no cost', async () => {
    const { tasks, strays, submit } = oneThread();
    const [stray, gate] = [new Gate(), new Gate()];
    const { threadId } = await (await submit('exit', stray)).result();
    const next = await submit('wait', gate);
    await gate.arrived(1);
    stray.open();
    await gate.arrived(2);
    gate.open();
    const result = await next.result();
    expect(result.attempt).toBe(1);
    expect(result.threadId).not.toBe(threadId);
    expect([strays.length, tasks.stats().failed]).toEqual([0, 0]);
  });

  it.each([1, 2, 3, 4, 5])('exits when the next one has returned, before the host has heard of that (%i)', async () => {
    const { submit } = oneThread();
    const [stray, gate] = [new Gate(), new Gate()];
    await (await submit('exit', stray)).result();
    const next = await submit('wait', gate);
    await gate.arrived();
    gate.open();
    stray.open();
    // The host is so busy that it hears of the end of the thread before it hears of the answer.
    Atomics.wait(stray.cells, 0, 0);
    busyFor(50);
    expect((await next.result()).attempt).toBe(1);
  });

  it('throws several times: it is told once, and hits nobody', async () => {
    const { strays, submit } = oneThread();
    const [stray, gate] = [new Gate(), new Gate()];
    await (await submit('twice', stray)).result();
    const next = await submit('wait', gate);
    await gate.arrived();
    stray.open();
    await stray.arrived();
    gate.open();
    await next.result();
    await (await submit('wait', gate)).result();
    expect(strays.map(({ error }) => error.message)).toEqual(['the first']);
  });

  it('throws, and what its thread keeps warm is disposed of', async () => {
    const { tasks, submit } = oneThread();
    const [stray, made, disposed] = [new Gate(), new Gate(), new Gate()];
    await (await tasks.submit('warm', { input: { made: made.buffer, disposed: disposed.buffer } })).result();
    await (await submit('timer', stray)).result();
    stray.open();
    await disposed.arrived();
    expect(made.arrivals).toBe(1);
  });

  it('throws with nobody listening: it becomes a process warning', async () => {
    const { tasks, submit } = oneThread();
    tasks.removeAllListeners('strayError');
    const gate = new Gate();
    const task = await submit('timer', gate);
    await task.result();
    const warned = once(process, 'warning');
    gate.open();
    const [warning] = (await warned) as [Error];
    expect(warning).toMatchObject({ code: 'TREADLE_STRAY_ERROR' });
    expect(warning.message).toContain(`task ${task.id} (left)`);
    expect(warning.message).toContain('left behind');
  });
});

describe('what a module or perThread made', () => {
  it('fails the task of its type that runs when it throws: the task may wait for it', async () => {
    const { strays, submit } = oneThread();
    const [thing, gate] = [new Gate(), new Gate()];
    await (await submit('warm', thing)).result();
    const next = await submit('wait', gate);
    await gate.arrived();
    thing.open();
    expect((await next.settled()).error).toMatchObject({
      code: 'WORKER_EXITED',
      message: expect.stringContaining('left behind'),
    });
    expect(strays).toEqual([]);
  });

  it('hits no task of another type', async () => {
    const { told, submit } = oneThread();
    const [thing, gate] = [new Gate(), new Gate()];
    await (await submit('warm', thing)).result();
    const next = await submit('wait', gate, 'other');
    await gate.arrived();
    thing.open();
    expect(await told()).toMatchObject({ taskId: null, type: 'left', error: { message: 'left behind' } });
    gate.open();
    expect((await next.settled()).status).toBe('completed');
  });
});

describe('a task that listens to uncaughtException', () => {
  it('deals with its errors itself, and its thread lives', async () => {
    const { strays, submit } = oneThread();
    const { threadId } = await (await submit('listener')).result();
    const gate = new Gate();
    gate.open();
    expect(await (await submit('wait', gate)).result()).toEqual({ threadId, attempt: 1 });
    expect(strays).toEqual([]);
  });
});
