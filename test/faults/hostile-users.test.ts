import { setImmediate as turn } from 'node:timers/promises';
import { TaskManager, type TaskPolicy, range, systemClock, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import { createPolicyManager } from '../support/policy-manager.js';
import type hostile from '../tasks/hostile.task.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo', value: 'alive' } as const;

function hostileManager(policy: TaskPolicy = {}) {
  const types = {
    hostile: taskType(taskModule<typeof hostile>(builtTask('hostile')), policy),
    fault: taskType(taskModule<typeof fault>(builtTask('fault'))),
  };
  return closedAtEnd(new TaskManager({ types, threads: { max: 1 }, cancelGraceMs: 20 }));
}

describe('a task whose time is up', () => {
  it('is not tried again once it was cancelled', async () => {
    const attempts = new Gate();
    const tasks = hostileManager({ timeoutMs: 100, retries: 5, backoff: () => 0, cancelGraceMs: Infinity });
    // Its time starts with its first chunk, and loading the module takes some.
    await tasks.ready();
    const task = await tasks.submit('hostile', { input: { plan: 'spins', attempts: attempts.buffer } });
    for await (const { stopping } of task.watch()) if (stopping === 'timeout') break;
    task.cancel();
    await tasks.close({ timeoutMs: 0 });
    expect(await task.settled()).toMatchObject({ status: 'failed', error: { code: 'TASK_TIMEOUT' } });
    expect(attempts.arrivals).toBe(1);
  });

  it('settles when the manager is closed meanwhile, and does not begin again', async () => {
    const attempts = new Gate();
    const tasks = hostileManager({ timeoutMs: 100, retries: 5, backoff: () => 0, cancelGraceMs: 600_000 });
    // Its time starts with its first chunk, and loading the module takes some.
    await tasks.ready();
    const task = await tasks.submit('hostile', { input: { plan: 'spins', attempts: attempts.buffer } });
    for await (const { stopping } of task.watch()) if (stopping === 'timeout') break;
    expect(await tasks.close({ timeoutMs: 0 })).toEqual({ cancelled: [], interrupted: [task.id], alive: [] });
    expect((await task.settled()).status).toBe('failed');
    expect([attempts.arrivals, tasks.stats().threads.live]).toEqual([1, 0]);
  });
});

describe('a `run` that changes the array it was given', () => {
  it.each(['eats', 'feeds'] as const)('is counted by what it was given (%s)', async (items) => {
    const tasks = hostileManager();
    const task = await tasks.submit('hostile', { input: { items }, items: range(0, 100) });
    expect(await task.settled()).toMatchObject({ status: 'completed', progress: { itemsDone: 100 } });
  });
});

describe('items', () => {
  it('that throw when they are read fail their task, and the host lives', async () => {
    const tasks = createTestManager();
    const items: number[] = [1];
    Object.defineProperty(items, 1, {
      get: () => {
        throw new RangeError('no such item');
      },
    });
    const task = await tasks.submit('items', { items });
    expect((await task.settled()).error).toMatchObject({ code: 'TASK_FAILED', message: 'no such item' });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });

  it('that cancel their task when they are opened, or asked for, end it', async () => {
    const tasks = createTestManager();
    await tasks.ready();
    const cancelWhen = (when: 'opened' | 'asked'): Iterable<number> => {
      const cancel = (): void => tasks.list().records.forEach(({ id }) => void tasks.cancel(id));
      return {
        [Symbol.iterator]: () => {
          if (when === 'opened') cancel();
          return {
            next: () => {
              cancel();
              return { done: false, value: 1 };
            },
          };
        },
      };
    };
    for (const when of ['opened', 'asked'] as const) {
      const task = await tasks.submit('items', { items: cancelWhen(when) });
      expect((await task.settled()).status).toBe('cancelled');
    }
    expect(tasks.stats()).toMatchObject({ pending: 0, running: 0, cancelling: 0, cancelled: 2 });
  });

  it('that never come do not keep a task from timing out', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1 });
    const items = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const task = await tasks.submit('items', { items, timeoutMs: 30 });
    expect((await task.settled()).error?.code).toBe('TASK_TIMEOUT');
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
  });
});

describe('close()', () => {
  it('does not wait for native code that a settled task left behind, and counts its thread', async () => {
    const tasks = hostileManager();
    const gate = new Gate();
    const task = await tasks.submit('hostile', { input: { leaves: gate.buffer }, items: [1] });
    expect((await task.settled()).status).toBe('completed');
    await gate.arrived();
    const report = await tasks.close({ timeoutMs: 0 });
    expect(report).toEqual({ cancelled: [], interrupted: [], alive: [], leftBehind: 1 });
  });
});

describe('the machine', () => {
  it('has a clock whose long periods are long', async () => {
    const warned: Error[] = [];
    const onWarning = (warning: Error): void => void warned.push(warning);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    // Node makes 1 ms of a period that it can't count, and warns.
    const ticker = systemClock.every(2 ** 40, () => {});
    await turn();
    ticker.stop();
    expect(warned).toEqual([]);
  });

  it('is not asked for heartbeats that nobody looks for', () => {
    expect(() => createPolicyManager({ heartbeatTimeoutMs: 1_000 }, { reconcileEveryMs: Infinity })).toThrow(
      /Expected `reconcileEveryMs` to be finite, because `types\.flaky` has a `heartbeatTimeoutMs`/,
    );
  });
});
