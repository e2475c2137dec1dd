import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TaskManager, type TaskManagerOptions, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type warm from '../tasks/warm.task.js';

function warmManager(options: Omit<Partial<TaskManagerOptions<never>>, 'types'> = {}) {
  const [made, disposed] = [new Gate(), new Gate()];
  const tasks = closedAtEnd(
    new TaskManager({
      types: { warm: taskType(taskModule<typeof warm>(builtTask('warm'))) },
      threads: { max: 1 },
      ...options,
    }),
  );
  const input = { made: made.buffer, disposed: disposed.buffer };
  return { tasks, made, disposed, input };
}

describe('threads', () => {
  it('start when there is work, one for each task that can run, and never more than threads.max', async () => {
    const tasks = createTestManager({ threads: { max: 3 } });
    expect(tasks.stats().threads).toEqual({ max: 3, live: 0, busy: 0, overdue: 0 });
    const gate = new Gate();
    const submit = () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    const handles = [await submit()];
    await gate.arrived(1);
    expect(tasks.stats().threads).toEqual({ max: 3, live: 1, busy: 1, overdue: 0 });
    handles.push(await submit(), await submit(), await submit(), await submit());
    await gate.arrived(3);
    expect(tasks.stats().threads).toEqual({ max: 3, live: 3, busy: 3, overdue: 0 });
    gate.open();
    await Promise.all(handles.map((handle) => handle.settled()));
    expect(tasks.stats().threads).toEqual({ max: 3, live: 3, busy: 0, overdue: 0 });
  });

  it('are more or fewer after setThreads; one that works ends after its work', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const submit = () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    const handles = [await submit(), await submit(), await submit()];
    await gate.arrived(1);
    tasks.setThreads(3);
    await gate.arrived(3);
    expect(tasks.stats().threads).toEqual({ max: 3, live: 3, busy: 3, overdue: 0 });
    tasks.setThreads(1);
    expect(tasks.stats().threads).toEqual({ max: 1, live: 3, busy: 3, overdue: 0 });
    gate.open();
    await Promise.all(handles.map((handle) => handle.settled()));
    expect((await (await tasks.submit('fault', { input: { action: 'echo' } })).settled()).status).toBe('completed');
    await tasks.close();
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('are all up, with every module loaded, after ready()', async () => {
    const tasks = createTestManager({ threads: { max: 2 } });
    await tasks.ready();
    expect(tasks.stats().threads).toEqual({ max: 2, live: 2, busy: 0, overdue: 0 });
    // The shapes are known now, so a wrong submission is refused at once.
    const submit = tasks.submit.bind(tasks) as (type: string, options: object) => Promise<unknown>;
    await expect(submit('fault', { items: [1] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('may be warmed up while they work', async () => {
    const tasks = createTestManager({ threads: { max: 1 } });
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const waiting = await tasks.submit('fault', { input: { action: 'echo' } });
    const ready = tasks.ready();
    gate.open();
    await ready;
    await Promise.all([task.settled(), waiting.settled()]);
  });

  it('keep warm what perThread made, and dispose of it when the manager closes', async () => {
    const { tasks, made, disposed, input } = warmManager();
    const first = await (await tasks.submit('warm', { input })).result();
    const second = await (await tasks.submit('warm', { input })).result();
    expect(second).toBe(first);
    expect(made.arrivals).toBe(1);
    expect(disposed.arrivals).toBe(0);
    await tasks.close();
    expect(disposed.arrivals).toBe(1);
  });

  it('end when they did nothing for threads.idleMs, dispose first, and come back with work', async () => {
    const { tasks, made, disposed, input } = warmManager({ threads: { max: 1, idleMs: 20 } });
    await (await tasks.submit('warm', { input })).result();
    await disposed.arrived(1);
    await (await tasks.submit('warm', { input })).result();
    expect(made.arrivals).toBe(2);
  });

  it('that are warm for a type get its tasks', async () => {
    const { tasks, made, input } = warmManager({ threads: { max: 2 } });
    for (let round = 0; round < 10; round++) await (await tasks.submit('warm', { input })).result();
    expect(made.arrivals).toBe(1);
  });
});

describe('the process', () => {
  const run = promisify(execFile);
  const child = fileURLToPath(new URL('../dist/child-process.js', import.meta.url));

  it.each([
    ['ends by itself with an idle manager that nobody closed', 'idle', ''],
    ['stays alive for a running task', 'active', 'completed\n'],
    ['stays alive for a task that waits', 'paused', 'completed\n'],
  ])('%s', async (_, mode, output) => {
    const { stdout, stderr } = await run(process.execPath, [child, mode]);
    expect({ stdout, stderr }).toEqual({ stdout: output, stderr: '' });
  });
});
