import * as fc from 'fast-check';
import { range } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';
import { untyped } from '../support/waiting-task.js';

const skip = { onItemError: 'skip' } as const;
const bad = (message = 'bad'): Parcel => ({ throw: message });
const counted = (runs: Gate): Parcel => ({ fails: runs.buffer, times: 0, how: 'throw' });

describe('items that fail, where they are skipped,', () => {
  it.each(['each', 'run'] as const)('leave a hole in the result and are named in the record (%s)', async (type) => {
    const { tasks } = createPolicyManager({ ...skip, chunk: { min: 8 } });
    const task = await tasks.submit(type, {
      items: [bad('one'), 1, 2, bad('two'), bad('three'), 3, 4, 5, bad('four')],
    });
    expect(await task.result()).toEqual([undefined, 2, 4, undefined, undefined, 6, 8, 10, undefined]);
    const named = (index: number, message: string): unknown => ({
      index,
      error: { code: 'TASK_FAILED', name: 'RangeError', message, causeCode: null },
    });
    expect(task.record).toMatchObject({
      status: 'completed',
      error: null,
      progress: { itemsDone: 9, itemsTotal: 9, fraction: 1 },
      failedItems: { count: 4, items: [named(0, 'one'), named(3, 'two'), named(4, 'three'), named(8, 'four')] },
    });
    expect(Object.isFrozen(task.record.failedItems.items)).toBe(true);
  });

  it('are all counted, of which the record names fifty', async () => {
    const { tasks } = createPolicyManager(skip);
    const items = Array.from({ length: 10_000 }, (): Parcel => bad());
    const task = await tasks.submit('each', { items: [...items, 1] });
    let fraction = 0;
    for await (const { progress } of task.watch()) {
      expect(progress.fraction ?? 0).toBeGreaterThanOrEqual(fraction);
      fraction = progress.fraction ?? 0;
    }
    expect(fraction).toBe(1);
    const { count, items: named } = task.record.failedItems;
    expect([count, named.length, new Set(named.map(({ index }) => index)).size]).toEqual([10_000, 50, 50]);
    expect(named.map(({ index }) => index)).toEqual(named.map(({ index }) => index).toSorted((a, b) => a - b));
    expect((await task.result()).at(-1)).toBe(2);
  });

  it('are named without their secrets, and shortly', async () => {
    const { tasks } = createPolicyManager(skip);
    const secret = `${'x'.repeat(30)} password=hunter2hunter2`;
    const task = await tasks.submit('each', { items: [bad(secret), bad('long '.repeat(1_000))] });
    const [first, second] = (await task.settled()).failedItems.items;
    expect(first?.error.message).toContain('[REDACTED]');
    expect(first?.error.message).not.toContain('hunter2');
    expect(second?.error.message.length).toBeLessThan(600);
  });

  it('are not seen by `finish`', async () => {
    const { tasks } = createPolicyManager({ ...skip, chunk: { min: 3 } });
    const task = await tasks.submit('finish', { items: [bad(), 1, bad(), bad(), 2, 3, bad()] });
    expect(await task.result()).toEqual([2, 4, 6]);
    const none = await tasks.submit('finish', { items: [bad(), bad()] });
    expect(await none.result()).toEqual([]);
    expect(none.record.failedItems.count).toBe(2);
  });

  it.each(['each', 'run'] as const)('may be all of them (%s)', async (type) => {
    const { tasks } = createPolicyManager(skip);
    const task = await tasks.submit(type, { items: [bad(), bad(), bad()] });
    expect(await task.result()).toEqual([undefined, undefined, undefined]);
    expect(task.record).toMatchObject({ status: 'completed', failedItems: { count: 3 }, progress: { fraction: 1 } });
  });

  it('are tried again first, and alone', async () => {
    const [runs, twice, ever] = [new Gate(), new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ ...skip, retries: 2, backoff: () => 0, chunk: { min: 6 } });
    const items: Parcel[] = [
      counted(runs),
      { fails: twice.buffer, times: 2, how: 'throw' },
      { fails: ever.buffer, times: 9, how: 'throw' },
      counted(runs),
      5,
    ];
    const task = await tasks.submit('each', { items });
    expect(await task.result()).toEqual([0, 0, undefined, 0, 10]);
    expect([runs.arrivals, twice.arrivals, ever.arrivals]).toEqual([2, 3, 3]);
    expect(task.record.failedItems).toMatchObject({
      count: 1,
      items: [{ index: 2, error: { message: 'failed 3 times' } }],
    });
  });

  it('for good are not tried again, though their neighbours are', async () => {
    const tries = new Gate();
    const { tasks } = createPolicyManager({ ...skip, retries: 2, backoff: () => 0, chunk: { min: 3 } });
    const items: Parcel[] = [
      { permanent: 'never' },
      { fails: tries.buffer, times: 1, how: 'throw' },
      { permanent: 'no' },
    ];
    const task = await tasks.submit('each', { items });
    expect(await task.result()).toEqual([undefined, 0, undefined]);
    expect(tries.arrivals).toBe(2);
    expect(task.record.failedItems.items.map(({ index }) => index)).toEqual([0, 2]);
  });

  it.each(['each', 'run'] as const)('may give what can not be sent back (%s)', async (type) => {
    const { tasks } = createPolicyManager({ ...skip, chunk: { min: 4 } });
    const task = await tasks.submit(type, { items: [1, { unclonable: true }, 3, 4, 5, { unclonable: true }] });
    expect(await task.result()).toEqual([2, undefined, 6, 8, 10, undefined]);
    expect(task.record.failedItems).toMatchObject({
      count: 2,
      items: [
        { index: 1, error: { code: 'UNSERIALIZABLE' } },
        { index: 5, error: { code: 'UNSERIALIZABLE' } },
      ],
    });
  });

  it.each(['each', 'run'] as const)('may be such that no thread can be sent them (%s)', async (type) => {
    const { tasks } = createPolicyManager({ ...skip, chunk: { min: 4 } });
    const task = await tasks.submit(type, { items: [1, untyped(() => 1), 3, 4, 5, untyped(Symbol('x'))] });
    expect(await task.result()).toEqual([2, undefined, 6, 8, 10, undefined]);
    expect(task.record.failedItems.items.map(({ index, error }) => [index, error.code])).toEqual([
      [1, 'UNSERIALIZABLE'],
      [5, 'UNSERIALIZABLE'],
    ]);
  });

  it('are named by their place, not by their value, and also where they come from an iterator', async () => {
    const { tasks } = createPolicyManager({ ...skip, chunk: { min: 3 } });
    function* items(): Generator<Parcel> {
      for (let at = 0; at < 20; at++) yield at % 7 === 3 ? bad() : at;
    }
    const task = await tasks.submit('each', { items: items() });
    expect((await task.settled()).failedItems.items.map(({ index }) => index)).toEqual([3, 10, 17]);
    const failing = await tasks.submit('stages', { input: {}, items: untyped(range(100, 110)) });
    expect(await failing.result()).toEqual(Array.from({ length: 10 }, (_, at) => 2 * (100 + at)));
  });

  it('do not keep the task from being cancelled in the middle; the record still names them', async () => {
    const gate = new Gate();
    const { tasks } = createPolicyManager({ ...skip, parallelism: 1, chunk: { max: 1 } });
    const task = await tasks.submit('each', { items: [bad(), 1, { gate: gate.buffer }, 2, 3] });
    await gate.arrived();
    expect(task.record).toMatchObject({ progress: { itemsDone: 2 }, failedItems: { count: 1, items: [{ index: 0 }] } });
    task.cancel();
    gate.open();
    const record = await task.settled();
    expect(record).toMatchObject({ status: 'cancelled', result: null, failedItems: { count: 1 } });
    expect(record.progress.fraction).toBeLessThan(1);
  });

  it('are not counted twice by who hears that the task is cancelled', async () => {
    const gates = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ ...skip, parallelism: 1, chunk: { min: 10, max: 10, targetMs: 10_000 } });
    const done = (gate: Gate | undefined): Parcel[] => [
      ...Array.from({ length: 9 }, () => 1),
      { gate: (gate as Gate).buffer },
    ];
    const task = await tasks.submit('each', { items: [...done(gates[0]), ...done(gates[1]).toReversed()] });
    await gates[0]?.arrived();
    expect(task.record.progress.itemsDone).toBe(9);
    gates[0]?.open();
    await gates[1]?.arrived();
    const heard = new Promise((resolve) => void tasks.once('cancelling', ({ progress }) => resolve(progress)));
    task.cancel();
    gates[1]?.open();
    expect(await heard).toMatchObject({ itemsDone: 10, fraction: 0.5 });
    expect((await task.settled()).progress.fraction).toBe(0.5);
  });

  it('are exactly those that fail, whichever they are and however they are cut', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom('each', 'run'),
      fc.array(fc.constantFrom('fine', 'fine', 'throws', 'unclonable'), { maxLength: 40 }),
      fc.integer({ min: 1, max: 20 }),
      async (type, kinds, min) => {
        const { tasks } = managers[min - 1] as (typeof managers)[0];
        const items = kinds.map((kind, at): Parcel =>
          kind === 'fine' ? at : kind === 'throws' ? bad() : { unclonable: true },
        );
        const task = await tasks.submit(type as 'each', { items });
        expect(await task.result()).toEqual(kinds.map((kind, at) => (kind === 'fine' ? at * 2 : undefined)));
        expect(task.record.failedItems.items.map(({ index }) => index)).toEqual(
          kinds.flatMap((kind, at) => (kind === 'fine' ? [] : [at])),
        );
      },
    );
    const managers = Array.from({ length: 20 }, (_, at) => {
      // Started only where it is used.
      let made: ReturnType<typeof createPolicyManager> | null = null;
      return {
        get tasks() {
          made ??= createPolicyManager({ ...skip, chunk: { min: at + 1 } }, { threads: { max: 1 } });
          return made.tasks;
        },
      };
    });
    await fc.assert(property, { numRuns: 15 });
  });
});

describe('an item that fails, where that fails the task,', () => {
  it('is named, and no other item is begun after it', async () => {
    const runs = new Gate();
    const { tasks } = createPolicyManager({ parallelism: 1, chunk: { max: 2 } });
    const items: Parcel[] = [1, 2, 3, 4, bad('the end'), ...Array.from({ length: 20 }, () => counted(runs))];
    const task = await tasks.submit('each', { items });
    await expect(task.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      details: { item: 4 },
      cause: { name: 'RangeError', message: 'the end' },
    });
    expect(task.record).toMatchObject({ failedItems: { count: 0, items: [] }, error: { message: 'the end' } });
    expect(runs.arrivals).toBe(0);
  });

  it('counts what was done before it', async () => {
    const { tasks } = createPolicyManager({ parallelism: 1, chunk: { min: 5, targetMs: 10_000 } });
    const task = await tasks.submit('each', { items: [1, 2, 3, bad(), 5, 6] });
    expect((await task.settled()).progress.itemsDone).toBe(3);
  });

  it('is named by its place in the task where no thread can be sent it', async () => {
    const { tasks } = createPolicyManager({ parallelism: 1, chunk: { min: 3, max: 3 } });
    const task = await tasks.submit('each', { items: [0, 1, 2, 3, untyped({ fifth: () => 1 }), 5] });
    const error: unknown = await task.result().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNSERIALIZABLE' });
    expect((error as Error).message.replace(task.id, '')).toMatch(/\b4\b.*fifth/);
  });
});
