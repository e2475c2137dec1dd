import { TaskManager, TreadleError, taskModule, taskType, transfer } from 'treadle';
import { transfer as transferOfTasks } from 'treadle/task';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type movingItems from '../tasks/moving-items.task.js';
import type moving from '../tasks/moving.task.js';

const LENGTH = 4_096;

/** A manager whose threads have loaded both modules, with budgets that moved memory can't use. */
async function createManager() {
  const policy = { retries: 3, keepInput: 'failed' } as const;
  const tasks = new TaskManager({
    types: {
      moving: taskType(taskModule<typeof moving>(builtTask('moving')), policy),
      items: taskType(taskModule<typeof movingItems>(builtTask('moving-items')), { ...policy, onItemError: 'skip' }),
    },
    threads: { max: 1 },
  });
  closedAtEnd(tasks);
  await tasks.ready();
  return tasks;
}

function ones(): Float32Array<ArrayBuffer> {
  return new Float32Array(LENGTH).fill(1);
}

describe('transfer', () => {
  it('returns the same value, in tasks too', () => {
    const value = { array: ones() };
    expect(transfer(value)).toBe(value);
    expect(transferOfTasks(value)).toBe(value);
  });

  it.each([
    ['a string', 'text'],
    ['null', null],
    ['a function', () => 1],
    ['a date', new Date()],
    ['shared memory', new SharedArrayBuffer(8)],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(8))],
  ])('refuses %s', (_, value) => {
    expect(() => transfer(value as object)).toThrow(/^Expected `transfer` to be given an ArrayBuffer, a view of one/);
  });
});

describe('the result of a task', () => {
  it('leaves the task what it keeps', async () => {
    const tasks = await createManager();
    for (let round = 0; round < 3; round++) {
      const task = await tasks.submit('moving', { input: { returns: 'kept' } });
      const { vectors, before } = (await task.result()) as { vectors: Float32Array[]; before: number };
      expect(before).toBe(LENGTH);
      expect(vectors.map(({ length }) => length)).toEqual([LENGTH, 1_024]);
      expect(vectors.every((vector) => vector.every((number) => number === 7))).toBe(true);
      expect(vectors[0]?.buffer).toBe(vectors[1]?.buffer);
    }
  });

  it('may be given away', async () => {
    const tasks = await createManager();
    const task = await tasks.submit('moving', { input: { returns: 'given' } });
    const { vectors } = (await task.result()) as { vectors: Float32Array[] };
    expect(vectors).toEqual([new Float32Array(LENGTH).fill(9)]);
  });
});

describe('an input that was given to transfer', () => {
  it('moves to the thread when it is sent', async () => {
    const tasks = await createManager();
    const sum = transfer(ones());
    const task = await tasks.submit('moving', { input: { sum } });
    expect(await task.result()).toEqual({ sum: LENGTH });
    expect(sum.byteLength).toBe(0);
  });

  it('stays where it was not', async () => {
    const tasks = await createManager();
    const sum = ones();
    const task = await tasks.submit('moving', { input: { sum } });
    expect(await task.result()).toEqual({ sum: LENGTH });
    expect(sum).toEqual(ones());
  });

  it('stays where the task is cancelled before it is sent', async () => {
    const tasks = await createManager();
    const [first, sum] = [ones(), transfer(ones())];
    tasks.pause();
    const task = await tasks.submit('moving', { input: { sum } });
    task.cancel();
    tasks.resume();
    await (await tasks.submit('moving', { input: { sum: first } })).result();
    expect(task.record.status).toBe('cancelled');
    expect(sum).toEqual(ones());
  });

  it('is not sent again: the task fails with what it threw, whatever its retries, and can not be run again', async () => {
    const tasks = await createManager();
    const attempts = new Int32Array(new SharedArrayBuffer(4));
    const task = await tasks.submit('moving', { input: { throws: transfer(ones()), attempts } });
    await expect(task.result()).rejects.toThrow(`boom over ${LENGTH}`);
    expect(attempts[0]).toBe(1);
    await expect(tasks.rerun(task.id)).rejects.toThrow('was moved by `transfer`');
    // Where it stayed, all attempts are made.
    const again = await tasks.submit('moving', { input: { throws: ones(), attempts } });
    await expect(again.result()).rejects.toThrow('boom');
    expect(attempts[0]).toBe(5);
  });

  it('is lost with an attempt that takes too long', async () => {
    const tasks = await createManager();
    const task = await tasks.submit('moving', { input: { waits: transfer(ones()) }, timeoutMs: 20 });
    await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' });
    expect(task.record.attempt).toBe(1);
  });

  it('is lost with its thread', async () => {
    const tasks = await createManager();
    const task = await tasks.submit('moving', { input: { exits: transfer(ones()) } });
    await expect(task.result()).rejects.toMatchObject({ code: 'WORKER_EXITED' });
    expect(task.record.attempt).toBe(1);
  });
});

describe('items that were given to transfer', () => {
  it('move to the threads chunk by chunk', async () => {
    const tasks = await createManager();
    const items = Array.from({ length: 200 }, ones);
    const task = await tasks.submit('items', { items: transfer(items) });
    expect(await task.result()).toEqual(items.map(() => LENGTH));
    expect(items.every(({ byteLength }) => byteLength === 0)).toBe(true);
  });

  it('stay where they are parts of a block, which other items need', async () => {
    const tasks = await createManager();
    const block = new Float32Array(50 * LENGTH).fill(1);
    const items = Array.from({ length: 50 }, (_, at) => block.subarray(at * LENGTH, (at + 1) * LENGTH));
    const task = await tasks.submit('items', { items: transfer(items) });
    expect(await task.result()).toEqual(items.map(() => LENGTH));
    expect(block.length).toBe(50 * LENGTH);
  });

  it('are skipped at once where one fails', async () => {
    const tasks = await createManager();
    const items = [ones(), new Float32Array(LENGTH).fill(Number.NaN), ones()];
    const task = await tasks.submit('items', { items: transfer(items) });
    expect(await task.result()).toEqual([LENGTH, undefined, LENGTH]);
    expect(task.record).toMatchObject({ status: 'completed', failedItems: { count: 1 } });
  });

  it('are lost with their thread, and the task fails', async () => {
    const tasks = await createManager();
    const items = [ones(), new Float32Array(LENGTH).fill(-1), ones()];
    const task = await tasks.submit('items', { items: transfer(items) });
    const error = await task.result().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TreadleError);
    expect(error).toMatchObject({ code: 'WORKER_EXITED' });
  });
});
