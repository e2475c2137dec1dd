import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Reconciler, type ReconcilerHost } from '../../dist/engine/reconciler.js';
import { ManualClock } from '../support/manual-clock.js';
import { createPolicyManager } from '../support/policy-manager.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo' } as const;

describe('the reconciler', () => {
  it('begins with the first submission, looks every so often, and stops at close', async () => {
    const { tasks, clock } = createPolicyManager({}, { reconcileEveryMs: 500 });
    expect(tasks.reconciler.status()).toEqual({
      running: false,
      everyMs: 500,
      passes: 0,
      lastPassAt: null,
      lastPassMs: null,
      expiredRecords: 0,
      lostFlights: 0,
      lateHooks: 0,
      silentTasks: 0,
      errors: 0,
    });
    const before = clock.timers;
    await (await tasks.submit('fault', { input: echo })).settled();
    const after = clock.timers;
    for (let time = 0; time < 3; time++) tasks.reconciler.start();
    expect(clock.timers).toBe(after);
    expect(after).toBeGreaterThan(before);
    clock.advance(1_499);
    expect(tasks.reconciler.status()).toMatchObject({ running: true, passes: 2, lastPassAt: clock.now() - 499 });
    clock.advance(1);
    expect(tasks.reconciler.status().passes).toBe(3);
    await tasks.close();
    tasks.reconciler.start();
    expect(tasks.reconciler.status()).toMatchObject({ running: false, passes: 3 });
  });

  it('can be turned off', async () => {
    const { tasks, clock } = createPolicyManager({}, { reconcileEveryMs: Infinity });
    await (await tasks.submit('fault', { input: echo })).settled();
    tasks.reconciler.start();
    clock.advance(1_000_000);
    expect(tasks.reconciler.status()).toMatchObject({ running: false, passes: 0 });
  });

  it('keeps no process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const tasks = createTestManager();
    const before = timers();
    tasks.reconciler.start();
    expect(tasks.reconciler.status().running).toBe(true);
    expect(timers()).toBe(before);
  });

  it('lets go of records whose time is over, with nobody asking, a thousand at a time', async () => {
    const { tasks, clock } = createPolicyManager(
      {},
      { history: { completedTtlMs: 1_000 }, reconcileEveryMs: Infinity, queue: { max: 3_000 } },
    );
    tasks.pause();
    const all = await Promise.all(Array.from({ length: 1_500 }, () => tasks.submit('fault', { input: echo })));
    for (const task of all) task.cancel();
    expect(tasks.stats().history).toBe(1_500);
    clock.advance(1_001);
    const left: number[] = [];
    for (let pass = 0; pass < 3; pass++) {
      tasks.reconciler.pass();
      left.push(tasks.stats().history);
    }
    expect(left).toEqual([500, 0, 0]);
    expect(tasks.reconciler.status().expiredRecords).toBe(1_500);
  });

  it('stops a task whose code shows no sign of life, and nobody else', async () => {
    const { tasks, clock } = createPolicyManager({ heartbeatTimeoutMs: 1_000 }, { reconcileEveryMs: 3_600_000 });
    await tasks.ready();
    const [attempts, busy] = [new Gate(), new Gate()];
    const silent = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 9, how: 'hang' } });
    // Spins, and asks whether it is to stop: that is a sign of life, if there were a limit.
    const alive = await tasks.submit('fault', { input: { action: 'hang', gate: busy.buffer } });
    await Promise.all([attempts.arrived(), busy.arrived()]);
    tasks.reconciler.pass();
    clock.advance(1_000);
    tasks.reconciler.pass();
    expect(silent.record).toMatchObject({ status: 'running', stopping: null });
    clock.advance(1);
    expect(silent.record.stopping).toBeNull();
    tasks.reconciler.pass();
    expect(silent.record.stopping).toBe('timeout');
    clock.advance(50);
    await expect(silent.result()).rejects.toMatchObject({
      code: 'TASK_TIMEOUT',
      message: expect.stringContaining('no sign of life for more than 1000 ms') as string,
      details: { heartbeatTimeoutMs: 1_000 },
    });
    expect(alive.record).toMatchObject({ status: 'running', stopping: null });
    busy.open();
    expect(await alive.result()).toBe('hung');
  });

  it('leaves tasks alone that get something done', async () => {
    const { tasks, clock } = createPolicyManager({ heartbeatTimeoutMs: 1_000, parallelism: 1, chunk: { min: 3 } });
    const gates = [new Gate(), new Gate(), new Gate()];
    const task = await tasks.submit('each', { items: gates.map((gate) => ({ gate: gate.buffer })) });
    for (const gate of gates) {
      await gate.arrived();
      tasks.reconciler.pass();
      clock.advance(900);
      tasks.reconciler.pass();
      gate.open();
    }
    expect(await task.result()).toEqual([0, 0, 0]);
  });

  it('tells how many tasks have been silent for long', async () => {
    const { tasks, clock } = createPolicyManager({}, { reconcileEveryMs: Infinity });
    const gate = new Gate();
    await tasks.submit('fault', { input: { action: 'hang', gate: gate.buffer } });
    await gate.arrived();
    tasks.reconciler.pass();
    clock.advance(30_001);
    expect(tasks.reconciler.status().silentTasks).toBe(0);
    tasks.reconciler.pass();
    expect(tasks.reconciler.status().silentTasks).toBe(1);
    gate.open();
    while (tasks.stats().completed === 0) await turn();
    tasks.reconciler.pass();
    expect(tasks.reconciler.status()).toMatchObject({ silentTasks: 0, errors: 0, lostFlights: 0 });
  });

  it('does not count hooks as late that only gave way to others', async () => {
    const { tasks, clock } = createPolicyManager();
    tasks.pause();
    tasks.onSettled(() => clock.advance(10));
    const two = await Promise.all([1, 2].map(() => tasks.submit('fault', { input: echo })));
    for (const task of two) task.cancel();
    tasks.reconciler.pass();
    expect(tasks.reconciler.status().lateHooks).toBe(0);
  });
});

describe('a pass', () => {
  const quietHost: ReconcilerHost = {
    expireRecords: () => 0,
    checkLanes: () => 0,
    inProgress: () => [],
    catchUpHooks: () => 0,
    onError: () => {},
  };
  const execution = (more: object = {}) => ({ silentMs: 0, checkHeartbeat() {}, proceed() {}, ...more });

  it('goes on with the next task, and the next step, where one fails, and tells of it', () => {
    const errors: unknown[] = [];
    const seen: string[] = [];
    const fail = (what: string) => (): never => {
      throw new Error(what);
    };
    const host: ReconcilerHost = {
      expireRecords: fail('records'),
      checkLanes: fail('lanes'),
      inProgress: () => [
        execution({ checkHeartbeat: fail('first') }),
        execution({ proceed: fail('second') }),
        Object.defineProperty(execution(), 'silentMs', { get: fail('third') }),
        execution({ proceed: () => seen.push('fourth') }),
      ],
      catchUpHooks: () => (seen.push('hooks'), 2),
      onError: (error) => errors.push(error),
    };
    const reconciler = new Reconciler(host, new ManualClock(), 1_000);
    reconciler.pass();
    expect(seen).toEqual(['fourth', 'hooks']);
    expect(errors.map((error) => (error as Error).message)).toEqual(['records', 'lanes', 'first', 'second', 'third']);
    expect(reconciler.status()).toMatchObject({ passes: 1, errors: 5, lateHooks: 2, expiredRecords: 0 });
  });

  it('looks at a thousand tasks, the next one at the following, and all of them in turn', () => {
    const looks = Array.from({ length: 2_500 }, () => 0);
    const all = looks.map((_, at) =>
      execution({ silentMs: at % 2 === 0 ? 40_000 : 0, proceed: () => (looks[at] = (looks[at] as number) + 1) }),
    );
    const reconciler = new Reconciler({ ...quietHost, inProgress: () => all }, new ManualClock(), 1_000);
    const counts: number[] = [];
    const silent: number[] = [];
    for (let pass = 0; pass < 6; pass++) {
      const before = looks.reduce((sum, count) => sum + count, 0);
      reconciler.pass();
      counts.push(looks.reduce((sum, count) => sum + count, 0) - before);
      silent.push(reconciler.status().silentTasks);
    }
    expect(counts).toEqual([1_000, 1_000, 500, 1_000, 1_000, 500]);
    expect(new Set(looks)).toEqual(new Set([2]));
    // Told when all have been looked at.
    expect(silent).toEqual([0, 0, 1_250, 1_250, 1_250, 1_250]);
  });

  it('costs settled tasks nothing: it asks only for those in progress', () => {
    const asked: number[] = [];
    const host = { ...quietHost, expireRecords: (max: number) => (asked.push(max), 3) };
    const reconciler = new Reconciler(host, new ManualClock(), 1_000);
    reconciler.pass();
    reconciler.pass();
    expect(asked).toEqual([1_000, 1_000]);
    expect(reconciler.status().expiredRecords).toBe(6);
  });
});
