import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { closedAtEnd, builtTask } from '../support/test-manager.js';
import { createPolicyManager } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';

const killer: Parcel = { exit: 7 };
const numbers = (count: number): Parcel[] => Array.from({ length: count }, (_, at) => at);
const withKillers = (count: number, at: readonly number[]): Parcel[] =>
  numbers(count).map((parcel, index) => (at.includes(index) ? killer : parcel));
const doubled = (count: number, holes: readonly number[]): unknown[] =>
  Array.from({ length: count }, (_, at) => (holes.includes(at) ? undefined : at * 2));

/** Counts the threads that are started until the test ends. */
function startedThreads(): { count: number } {
  const started = { count: 0 };
  const count = (): void => void started.count++;
  process.on('worker', count);
  onTestFinished(() => void process.off('worker', count));
  return started;
}

describe.each(['each', 'run'] as const)('an item of `%s` that kills its thread', (type) => {
  it.each([0, 39])('fails the task and is named, wherever it stands (item %i of 40)', async (at) => {
    const { tasks } = createPolicyManager({ chunk: { min: 10 } });
    const task = await tasks.submit(type, { items: withKillers(40, [at]) });
    await expect(task.result()).rejects.toMatchObject({
      code: 'WORKER_EXITED',
      message: expect.stringContaining(`at item ${at}`) as string,
      details: { item: at, exitCode: 7 },
    });
    expect(await (await tasks.submit('fault', { input: { action: 'echo', value: 1 } })).result()).toBe(1);
  });

  it('is skipped where items may fail, and all others are done', async () => {
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 16 } });
    const killers = [0, 20, 21];
    const task = await tasks.submit(type, { items: withKillers(48, killers) });
    expect(await task.result()).toEqual(doubled(48, killers));
    expect(task.record).toMatchObject({ status: 'completed', progress: { itemsDone: 48, fraction: 1 } });
    expect(task.record.failedItems.items.map(({ index, error }) => [index, error.code])).toEqual(
      killers.map((at) => [at, 'WORKER_EXITED']),
    );
  });

  it('costs no more threads than it takes to find it', async () => {
    const started = startedThreads();
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 64 } }, { threads: { max: 1 } });
    await tasks.ready();
    const task = await tasks.submit(type, { items: withKillers(64, [40]) });
    expect(await task.result()).toEqual(doubled(64, [40]));
    // The last one starts as the task settles.
    await turn();
    // The first; one for each death: at once where `each` counts, by halving with `run`; two of the item alone.
    expect(started.count).toBe(type === 'each' ? 1 + 1 + 2 : 1 + 6 + 2);
  });

  it('once only is run again at no cost', async () => {
    const tries = new Gate();
    const { tasks } = createPolicyManager({ chunk: { min: 5 } });
    const items: Parcel[] = [...numbers(4), { fails: tries.buffer, times: 1, how: 'exit' }];
    expect(await (await tasks.submit(type, { items })).result()).toEqual([0, 2, 4, 6, 0]);
    expect(tries.arrivals).toBe(2);
  });

  it('is run once more when it stands alone, or as often as the policy says', async () => {
    for (const retries of [0, 3]) {
      const tries = new Gate();
      const { tasks } = createPolicyManager({ retries, backoff: () => 0 });
      const task = await tasks.submit(type, { items: [{ fails: tries.buffer, times: 99, how: 'exit' }] });
      expect((await task.settled()).error?.code).toBe('WORKER_EXITED');
      expect(tries.arrivals).toBe(1 + Math.max(1, retries));
    }
  });
});

describe('items that kill their threads', () => {
  it('may be all of them', async () => {
    const started = startedThreads();
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 4 } });
    const task = await tasks.submit('each', { items: Array.from({ length: 4 }, () => killer) });
    expect(await task.result()).toEqual(Array.from({ length: 4 }, () => undefined));
    expect(task.record.failedItems.count).toBe(4);
    expect(started.count).toBeLessThanOrEqual(2 + 3 * 4);
  });

  it('by using up its memory are named too', async () => {
    const hungry = taskType(taskModule<typeof import('../tasks/hungry.task.js').default>(builtTask('hungry')), {
      onItemError: 'skip',
      chunk: { min: 4 },
    });
    const tasks = closedAtEnd(
      new TaskManager({ types: { hungry }, threads: { max: 1, resourceLimits: { maxOldGenerationSizeMb: 24 } } }),
    );
    const task = await tasks.submit('hungry', { items: [1, 2, 'all of it', 4] });
    expect(await task.result()).toEqual([1, 2, undefined, 4]);
    expect(task.record.failedItems.items).toMatchObject([{ index: 2, error: { code: 'WORKER_OUT_OF_MEMORY' } }]);
  });

  it('and items that throw are told apart, whichever they are', async () => {
    const kinds = fc.array(fc.constantFrom('fine', 'fine', 'fine', 'fine', 'throws', 'kills'), { maxLength: 12 });
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 6 } });
    await fc.assert(
      fc.asyncProperty(kinds, fc.constantFrom('each', 'run'), async (given, type) => {
        const items = given.map((kind, at): Parcel =>
          kind === 'fine' ? at : kind === 'kills' ? killer : { throw: 'x' },
        );
        const task = await tasks.submit(type as 'each', { items });
        expect(await task.result()).toEqual(given.map((kind, at) => (kind === 'fine' ? at * 2 : undefined)));
        expect(task.record.failedItems.items.map(({ index, error }) => [index, error.code])).toEqual(
          given.flatMap((kind, at) =>
            kind === 'fine' ? [] : [[at, kind === 'kills' ? 'WORKER_EXITED' : 'TASK_FAILED']],
          ),
        );
      }),
      { numRuns: 6 },
    );
  });

  it.each([Number.NaN, 3])('are found though the items say %d of their own progress', async (progress) => {
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 8 } });
    const task = await tasks.submit('stages', { input: { progress }, items: withKillers(8, [5]) });
    expect(await task.result()).toEqual([0, 2, 4, 6, 8, 12, 14]);
    expect(task.record.failedItems.items).toMatchObject([{ index: 5 }]);
  });

  it.each([0.5, -3])('are found though the items say %d of their own progress', async (progress) => {
    const { tasks } = createPolicyManager({ onItemError: 'skip', chunk: { min: 8 } });
    const task = await tasks.submit('stages', { input: { progress }, items: withKillers(8, [5]) });
    while (task.record.failedItems.count === 0) await turn();
    // Where another item is blamed, the task does not end either.
    expect(task.record.failedItems.items).toMatchObject([{ index: 5 }]);
    expect(await task.result()).toEqual([0, 2, 4, 6, 8, 12, 14]);
  });
});
