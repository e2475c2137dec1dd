import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { type TaskHandle, TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type leftBehind from '../tasks/left-behind.task.js';
import type threadIds from '../tasks/thread-ids.task.js';

function apart(max: number) {
  let started = 0;
  const count = (): void => void started++;
  process.on('worker', count);
  onTestFinished(() => void process.off('worker', count));
  const module = taskModule<typeof leftBehind>(builtTask('left-behind'));
  const tasks = closedAtEnd(
    new TaskManager({
      types: {
        plain: taskType(module),
        apart: taskType(module, { isolate: true }),
        items: taskType(taskModule<typeof threadIds>(builtTask('thread-ids')), { isolate: true, chunk: { max: 1 } }),
      },
      threads: { max },
    }),
  );
  const tooMany: number[] = [];
  const look = (): void => {
    const { live } = tasks.stats().threads;
    if (live > max) tooMany.push(live);
  };
  tasks.on('running', look).on('completed', look).on('cancelled', look);
  const open = new Gate();
  open.open();
  const submit = (type: 'plain' | 'apart', gate = open) =>
    tasks.submit(type, { input: { kind: 'wait', gate: gate.buffer } });
  const thread = async (type: 'plain' | 'apart'): Promise<number> => (await (await submit(type)).result()).threadId;
  return { tasks, submit, thread, tooMany, started: () => started };
}

describe('a task of an isolated type', () => {
  it('gets a thread that no other task has had, and no other gets it after it', async () => {
    const { thread, tooMany } = apart(1);
    const ids: number[] = [];
    for (const type of ['plain', 'apart', 'plain', 'plain', 'apart', 'apart', 'plain'] as const)
      ids.push(await thread(type));
    expect(ids[3]).toBe(ids[2]);
    expect(new Set(ids).size).toBe(6);
    expect(tooMany).toEqual([]);
  });

  it('has the thread for all its chunks, and others none of them, when they take turns', async () => {
    const { tasks, submit, tooMany } = apart(1);
    const items = Array.from({ length: 6 }, () => 0);
    const batches = [await tasks.submit('items', { items }), await tasks.submit('items', { items })];
    const plain = await submit('plain');
    const [a, b] = (await Promise.all(batches.map((batch) => batch.result()))) as [number[], number[]];
    const { threadId } = await plain.result();
    expect(a.filter((id) => b.includes(id) || id === threadId)).toEqual([]);
    expect(b).not.toContain(threadId);
    expect(tooMany).toEqual([]);
  });

  it('keeps its thread from chunk to chunk', async () => {
    const { tasks, started } = apart(1);
    const ids = await (await tasks.submit('items', { items: [0, 0, 0, 0, 0] })).result();
    expect(new Set(ids).size).toBe(1);
    expect(started()).toBeLessThanOrEqual(2);
  });

  it('takes a thread that has only loaded modules as it is', async () => {
    const { tasks, submit, started } = apart(2);
    await tasks.ready();
    const gate = new Gate();
    const plain = await submit('plain', gate);
    await gate.arrived();
    const task = await submit('apart', gate);
    await gate.arrived(2);
    expect(started()).toBe(2);
    gate.open();
    expect((await task.result()).threadId).not.toBe((await plain.result()).threadId);
  });

  it('prefers a thread that is new, where there is one', async () => {
    const { tasks, thread, started } = apart(2);
    await tasks.ready();
    const used = await thread('plain');
    expect(await thread('apart')).not.toBe(used);
    // The plain task's thread is still there.
    expect(await thread('plain')).toBe(used);
    expect(started()).toBeLessThanOrEqual(3);
  });
});

describe('while an isolated task waits for its new thread', () => {
  /** A task that has been sent, to a thread that is just being replaced. */
  async function waiting(): Promise<ReturnType<typeof apart> & { readonly task: TaskHandle }> {
    const made = apart(1);
    // The host knows the module then: there is nothing to clean up after one that never ran.
    await made.thread('apart');
    await made.thread('plain');
    const running = new Promise((resolve) => made.tasks.once('running', resolve));
    const task = await made.submit('apart');
    await running;
    expect(made.tasks.stats().threads).toEqual({ max: 1, live: 1, busy: 1, overdue: 0 });
    return { ...made, task };
  }

  it('a cancel is done at once, and the next task gets the thread', async () => {
    const { task, thread, started } = await waiting();
    task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
    // It did not have to wait for the new one.
    expect(started()).toBe(2);
    await thread('plain');
    expect(started()).toBe(3);
  });

  it('close() at its deadline ends it', async () => {
    const { tasks, task } = await waiting();
    expect(await tasks.close({ timeoutMs: 0 })).toEqual({ cancelled: [], interrupted: [task.id], alive: [] });
    expect(task.record.status).toBe('cancelled');
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('close() lets it run', async () => {
    const { tasks, task } = await waiting();
    expect(await tasks.close()).toEqual({ cancelled: [], interrupted: [], alive: [] });
    expect(task.record.status).toBe('completed');
    expect(tasks.stats().threads.live).toBe(0);
  });

  it('that never comes up fails it, and the next task runs when threads can start again', async () => {
    const { submit, thread } = apart(1);
    await thread('plain');
    const end = (worker: Worker): void => void worker.terminate();
    process.on('worker', end);
    onTestFinished(() => void process.off('worker', end));
    const task = await submit('apart');
    expect((await task.settled()).error?.code).toBe('WORKER_EXITED');
    process.off('worker', end);
    await once(process, 'worker');
    await thread('plain');
  });

  it('fewer and more threads make no difference', async () => {
    const { tasks, task, thread, tooMany } = await waiting();
    tasks.setThreads(2);
    tasks.setThreads(1);
    expect((await task.settled()).status).toBe('completed');
    await thread('plain');
    expect(tooMany).toEqual([]);
  });
});
