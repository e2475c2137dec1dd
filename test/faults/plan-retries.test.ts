import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next, quiet } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';

/** Counts how often it runs. */
const counted = (runs: Gate): Parcel => ({ fails: runs.buffer, times: 0, how: 'throw' });
const now = { retries: 2, backoff: () => 0 };

describe('a plan that failed', () => {
  const flaw = (tries: Gate, failures: number, how: 'throw' | 'exit' | 'spin' = 'throw') => ({
    tries: tries.buffer,
    failures,
    how,
  });

  it('is tried again while the task keeps its slot, and waits in between', async () => {
    const tries = new Gate();
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 1_000 });
    const task = await tasks.submit('stages', { input: { items: 3, plan: flaw(tries, 1) } });
    expect(await next(tasks, 'retrying')).toMatchObject({ status: 'pending', attempt: 2 });
    clock.advance(999);
    await quiet(tasks);
    expect(tries.arrivals).toBe(1);
    clock.advance(1);
    expect(await task.result()).toEqual([0, 2, 4]);
    expect(task.record.attempt).toBe(2);
  });

  it('for good fails the task', async () => {
    const [tries, cleaned] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager(now);
    const input = { items: 3, plan: flaw(tries, 9), cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input });
    expect(await task.settled()).toMatchObject({ status: 'failed', attempt: 3, error: { message: 'try 3 failed' } });
    expect([tries.arrivals, cleaned.arrivals]).toEqual([3, 1]);
  });

  it('is cancelled while it waits, and cleaned up after', async () => {
    const [tries, cleaned] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => 1_000 });
    const input = { items: 3, plan: flaw(tries, 9), cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input });
    await next(tasks, 'retrying');
    task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
    expect([tries.arrivals, cleaned.arrivals]).toEqual([1, 1]);
  });

  it('by its timeout is tried again', async () => {
    const tries = new Gate();
    const { tasks, clock } = createPolicyManager({ ...now, timeoutMs: 100 });
    const task = await tasks.submit('stages', { input: { items: 1, plan: flaw(tries, 1, 'spin') } });
    await tries.arrived();
    clock.advance(100);
    expect(await task.result()).toEqual([0]);
    expect(task.record.attempt).toBe(2);
  });

  it('by its timeout has the whole time in the next attempt, the grace of the last one is over', async () => {
    const [tries, gate] = [new Gate(), new Gate()];
    const { tasks, clock } = createPolicyManager({ ...now, timeoutMs: 100 });
    const plan = { ...flaw(tries, 1, 'spin'), gate: gate.buffer };
    const task = await tasks.submit('stages', { input: { items: 1, plan } });
    await tries.arrived();
    clock.advance(100);
    await gate.arrived();
    clock.advance(50);
    gate.open();
    expect(await task.settled()).toMatchObject({ status: 'completed', attempt: 2 });
  });

  it('by its timeout can be cancelled by a listener that hears of the next attempt', async () => {
    const [tries, cleaned] = [new Gate(), new Gate()];
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 1_000, timeoutMs: 100 });
    tasks.on('retrying', ({ id }) => tasks.cancel(id));
    const input = { items: 1, plan: flaw(tries, 9, 'spin'), cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input });
    await tries.arrived();
    clock.advance(100);
    await cleaned.arrived();
    await quiet(tasks);
    expect(task.record.status).toBe('cancelled');
  });

  it('because its thread died is run again once, whatever the budget', async () => {
    const { tasks } = createPolicyManager();
    await tasks.ready();
    const once = await tasks.submit('stages', { input: { items: 1, plan: flaw(new Gate(), 1, 'exit') } });
    expect(await once.result()).toEqual([0]);
    const twice = await tasks.submit('stages', { input: { items: 1, plan: flaw(new Gate(), 2, 'exit') } });
    expect((await twice.settled()).error?.code).toBe('WORKER_EXITED');
  });

  it('because its thread died is run again once, whatever the budget, before anybody knew its module', async () => {
    const { tasks } = createPolicyManager();
    const task = await tasks.submit('stages', { input: { items: 1, plan: flaw(new Gate(), 1, 'exit') } });
    expect((await task.settled()).status).toBe('completed');
  });
});

describe('a finish that failed', () => {
  it.each(['throw', 'exit'] as const)('is tried again, and no item is run twice (%s)', async (how) => {
    const [runs, tries, cleaned] = [new Gate(), new Gate(), new Gate()];
    const { tasks } = createPolicyManager(now);
    const input = { finish: { tries: tries.buffer, failures: 2, how }, cleaned: cleaned.buffer };
    const task = await tasks.submit('stages', { input, items: [1, counted(runs), 3] });
    expect(await task.result()).toEqual([2, 0, 6]);
    expect([runs.arrivals, tries.arrivals, cleaned.arrivals]).toEqual([1, 3, 1]);
  });

  it('for good fails the task, also where items are skipped', async () => {
    const tries = new Gate();
    const { tasks } = createPolicyManager({ ...now, onItemError: 'skip' });
    const input = { finish: { tries: tries.buffer, failures: 9 } };
    const task = await tasks.submit('stages', { input, items: [1, 2] });
    expect(await task.settled()).toMatchObject({ status: 'failed', error: { message: 'try 3 failed' } });
    expect(tries.arrivals).toBe(3);
  });

  it('waits between its tries, and can be cancelled then', async () => {
    const tries = new Gate();
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => 1_000 });
    const input = { finish: { tries: tries.buffer, failures: 9 } };
    const task = await tasks.submit('stages', { input, items: [1, 2] });
    await tries.arrived();
    await quiet(tasks);
    expect(task.record.status).toBe('running');
    task.cancel();
    expect((await task.settled()).status).toBe('cancelled');
    await turn();
    expect(tries.arrivals).toBe(1);
  });
});
