import type { TreadleError } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPolicyManager, next, quiet } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';

/** Counts how often it runs. */
const counted = (runs: Gate): Parcel => ({ fails: runs.buffer, times: 0, how: 'throw' });
const failing = (tries: Gate, times: number): Parcel => ({ fails: tries.buffer, times, how: 'throw' });
const now = { retries: 2, backoff: () => 0 };

describe('a chunk that failed', () => {
  it('is run again, and what the others have done is kept', async () => {
    const [runs, tries] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ ...now, chunk: { max: 1 } });
    const items = [...Array.from({ length: 20 }, () => counted(runs)), failing(tries, 2), 7];
    const task = await tasks.submit('each', { items });
    expect(await task.result()).toEqual([...Array.from({ length: 21 }, () => 0), 14]);
    expect([runs.arrivals, tries.arrivals]).toEqual([20, 3]);
    expect(task.record).toMatchObject({ attempt: 1, failedItems: { count: 0 } });
  });

  it('at its last item keeps what it did before that', async () => {
    const [runs, tries] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ ...now, chunk: { min: 10, targetMs: 10_000 } });
    const items = [...Array.from({ length: 9 }, () => counted(runs)), failing(tries, 1)];
    expect(await (await tasks.submit('each', { items })).result()).toHaveLength(10);
    expect([runs.arrivals, tries.arrivals]).toEqual([9, 2]);
  });

  it('of `run` is run again as a whole', async () => {
    const [runs, tries] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ ...now, chunk: { min: 10 } });
    const items = [...Array.from({ length: 9 }, () => counted(runs)), failing(tries, 1)];
    expect(await (await tasks.submit('run', { items })).result()).toHaveLength(10);
    expect([runs.arrivals, tries.arrivals]).toEqual([18, 2]);
  });

  it('has a budget of its own: each of many items may fail as often as the policy says', async () => {
    const tries = Array.from({ length: 12 }, () => new Gate());
    const { tasks } = createPolicyManager({ ...now, chunk: { min: 4 } });
    const task = await tasks.submit('each', { items: tries.map((gate) => failing(gate, 2)) });
    expect(await task.result()).toHaveLength(12);
    expect(tries.map((gate) => gate.arrivals)).toEqual(tries.map(() => 3));
  });

  it('fails the task when its budget is used up, and names the item', async () => {
    const tries = new Gate();
    const { tasks } = createPolicyManager({ ...now, chunk: { min: 4 } });
    const task = await tasks.submit('each', { items: [1, 2, 3, 4, 5, failing(tries, 9), 7, 8] });
    await expect(task.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      details: { item: 5 },
      cause: { message: 'failed 3 times' },
    });
    expect(tries.arrivals).toBe(3);
  });

  it('waits by itself, while the task keeps its slot, is running, and its other chunks go on', async () => {
    const asked: [number, TreadleError][] = [];
    const [tries, runs] = [new Gate(), new Gate()];
    const backoff = (attempt: number, error: TreadleError): number => (asked.push([attempt, error]), 1_000);
    const { tasks, clock } = createPolicyManager({ retries: 2, backoff, parallelism: 1, chunk: { max: 1 } });
    const task = await tasks.submit('each', { items: [failing(tries, 2), counted(runs), counted(runs)] });
    await runs.arrived(2);
    await quiet(tasks);
    expect(task.record).toMatchObject({ status: 'running', progress: { itemsDone: 2 } });
    expect(asked).toEqual([[1, expect.objectContaining({ code: 'TASK_FAILED', details: { item: 0 } })]]);
    clock.advance(999);
    await quiet(tasks);
    expect(tries.arrivals).toBe(1);
    clock.advance(1);
    await tries.arrived(2);
    await quiet(tasks);
    clock.advance(1_000);
    expect(await task.result()).toEqual([0, 0, 0]);
    expect(asked.map(([attempt]) => attempt)).toEqual([1, 2]);
  });

  it('is not run again after a cancel while it waits, and no timer is left', async () => {
    const tries = new Gate();
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 1_000 });
    const task = await tasks.submit('each', { items: [failing(tries, 9)] });
    await tries.arrived();
    await quiet(tasks);
    const { timers } = clock;
    expect(task.cancel().status).toBe('cancelled');
    expect(clock.timers).toBe(timers - 1);
    expect(tries.arrivals).toBe(1);
  });

  it('is not run again when it failed after the cancel, and the task has something to clean up', async () => {
    const [gate, cleaned] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager(now);
    const input = { cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input, items: [{ gate: gate.buffer, thenThrow: 'late' }] });
    await gate.arrived();
    task.cancel();
    gate.open();
    expect((await task.settled()).status).toBe('cancelled');
    expect([gate.arrivals, cleaned.arrivals]).toEqual([1, 1]);
  });

  it('does not hold up a cancel for the time it would have waited', async () => {
    const [gate, cleaned] = [new Gate(), new Gate()];
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 60_000 });
    onTestFinished(() => clock.advance(60_000));
    const input = { cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input, items: [{ gate: gate.buffer, thenThrow: 'late' }] });
    await gate.arrived();
    task.cancel();
    gate.open();
    await quiet(tasks);
    expect(task.record.status).toBe('cancelled');
  });

  it('or ran out of its time box, is not gone on with after the cancel', async () => {
    const [gate, cleaned, runs] = [new Gate(), new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ chunk: { targetMs: 1, min: 2 } });
    const items: Parcel[] = [{ gate: gate.buffer, workMs: 10 }, counted(runs)];
    const task = await tasks.submit('stages', { input: { cleaned: cleaned.buffer }, items });
    await gate.arrived();
    task.cancel();
    gate.open();
    expect((await task.settled()).status).toBe('cancelled');
    expect([runs.arrivals, cleaned.arrivals]).toEqual([0, 1]);
  });
});

describe('a batch that was cancelled before a thread had begun it', () => {
  it('has nothing to clean up', async () => {
    const cleaned = new Gate();
    const { tasks } = createPolicyManager();
    const running = next(tasks, 'running');
    const task = await tasks.submit('stages', { input: { cleaned: cleaned.buffer }, items: [1] });
    await running;
    // Its thread has to load the module first.
    task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
    expect(cleaned.arrivals).toBe(0);
  });
});
