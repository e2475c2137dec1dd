import { setImmediate as turn } from 'node:timers/promises';
import type { TreadleError } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next, quiet } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';

const echo = { action: 'echo', value: 'alive' } as const;
const SECOND = 1_000;

describe('a task in one piece that failed', () => {
  it('waits for its random share of a bound that doubles up to its cap', async () => {
    const policy = { retries: 4, backoff: { baseMs: 100, maxMs: 250 } };
    const { tasks, clock } = createPolicyManager(policy, { random: () => 0.5 });
    const waits: number[] = [];
    let since = clock.now();
    tasks.on('running', () => waits.push(clock.now() - since));
    tasks.on('retrying', () => (since = clock.now()));
    const task = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 4 } });
    while (task.record.completedAt === null) {
      clock.advance(1);
      await turn();
    }
    expect(await task.result()).toBe(5);
    expect(waits.slice(1)).toEqual([50, 100, 125, 125]);
  });

  it('gives its slot to others while it waits', async () => {
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => SECOND }, { maxConcurrentTasks: 1 });
    const task = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1 } });
    const other = await tasks.submit('fault', { input: echo });
    expect(await next(tasks, 'retrying')).toMatchObject({ status: 'pending', attempt: 2, error: null, stopping: null });
    expect(await other.result()).toBe('alive');
    expect(tasks.stats()).toMatchObject({ pending: 1, running: 0, completed: 1 });
    clock.advance(SECOND);
    expect(await task.result()).toBe(2);
  });

  it('gives its slot to others while it waits, where its thread died before anybody knew its module', async () => {
    const policy = { retries: 1, backoff: () => SECOND };
    const { tasks } = createPolicyManager(policy, { maxConcurrentTasks: 1 });
    await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1, how: 'exit' } });
    const other = await tasks.submit('each', { items: [1] });
    await next(tasks, 'retrying');
    expect(await other.result()).toEqual([2]);
    expect(tasks.stats()).toMatchObject({ pending: 1, running: 0 });
  });

  it('asks a function how long to wait, with the number of the attempt and its error', async () => {
    const asked: [number, TreadleError][] = [];
    const backoff = (attempt: number, error: TreadleError): number => (asked.push([attempt, error]), 0);
    const { tasks } = createPolicyManager({ retries: 3, backoff });
    const task = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 3 } });
    expect(await task.result()).toBe(4);
    expect(asked.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
    expect(asked.map(([, error]) => [error.code, (error.cause as Error).message])).toEqual(
      [1, 2, 3].map((attempt) => ['TASK_FAILED', `attempt ${attempt} failed`]),
    );
  });

  it('is not tried again once the function says Infinity', async () => {
    const attempts = new Gate();
    const { tasks } = createPolicyManager({ retries: 5, backoff: (attempt) => (attempt === 2 ? Infinity : 0) });
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 9 } });
    expect(await task.settled()).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { message: 'attempt 2 failed' },
    });
    expect(attempts.arrivals).toBe(2);
  });

  it.each<[string, () => number]>([
    [
      'throws',
      () => {
        throw new RangeError('no idea');
      },
    ],
    ['gives NaN', () => Number.NaN],
    ['gives less than nothing', () => -1],
    ['gives a promise', () => Promise.resolve(5) as unknown as number],
  ])('waits as by default where the function %s, and a listener hears of it', async (_, backoff) => {
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff }, { random: () => 0.25 });
    const errors: unknown[] = [];
    tasks.on('listenerError', (error) => errors.push(error));
    const task = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1 } });
    await next(tasks, 'retrying');
    expect(errors).toEqual([expect.any(Error)]);
    clock.advance(24);
    await turn();
    expect(task.record.status).toBe('pending');
    clock.advance(1);
    expect(await task.result()).toBe(2);
  });

  it('is cancelled at once while it waits, and never runs again', async () => {
    const attempts = new Gate();
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => SECOND });
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 9 } });
    await next(tasks, 'retrying');
    const { timers } = clock;
    expect(task.cancel()).toMatchObject({ status: 'cancelled', attempt: 2 });
    expect(clock.timers).toBe(timers - 1);
    clock.advance(SECOND);
    await (await tasks.submit('fault', { input: echo })).result();
    expect(attempts.arrivals).toBe(1);
    expect(tasks.stats()).toMatchObject({ total: 2, completed: 1, cancelled: 1, pending: 0 });
  });

  it('is cancelled by a listener that hears that it is to be tried again', async () => {
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => 0 });
    const attempts = new Gate();
    tasks.on('retrying', ({ id }) => tasks.cancel(id));
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 9 } });
    expect((await task.settled()).status).toBe('cancelled');
    await quiet(tasks);
    expect(attempts.arrivals).toBe(1);
  });

  it('is not run again while the manager is paused', async () => {
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => SECOND });
    const task = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1 } });
    await next(tasks, 'retrying');
    tasks.pause();
    clock.advance(SECOND);
    await turn();
    expect(task.record.status).toBe('pending');
    tasks.resume();
    expect(await task.result()).toBe(2);
  });

  it('counts as waiting for the bound of the queue', async () => {
    const policy = { retries: 1, backoff: () => SECOND };
    const { tasks } = createPolicyManager(policy, { maxConcurrentTasks: 1, queue: { max: 0 } });
    await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1 } });
    await next(tasks, 'retrying');
    tasks.pause();
    await expect(tasks.submit('fault', { input: echo })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it.each(['permanent', 'throw'] as const)('is tried again or not, as its error says (%s)', async (how) => {
    const attempts = new Gate();
    const { tasks } = createPolicyManager({ retries: 2, backoff: () => 0 });
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 9, how } });
    const tries = how === 'permanent' ? 1 : 3;
    expect(await task.settled()).toMatchObject({ status: 'failed', attempt: tries, error: { code: 'TASK_FAILED' } });
    expect(attempts.arrivals).toBe(tries);
    await expect(task.result()).rejects.toMatchObject({
      cause: { name: how === 'permanent' ? 'RangeError' : 'Error' },
      details: how === 'permanent' ? { permanent: true } : null,
    });
  });

  it('is tried again when its thread died, and fails with that when its retries are used up', async () => {
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => 0 });
    const once = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 1, how: 'exit' } });
    expect(await once.result()).toBe(2);
    const always = await tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 9, how: 'exit' } });
    expect(await always.settled()).toMatchObject({ attempt: 2, error: { code: 'WORKER_EXITED' } });
  });

  it('by its timeout is tried again when its thread has left, each attempt with the whole time', async () => {
    const attempts = new Gate();
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 0, timeoutMs: 100 });
    await tasks.ready();
    const input = { attempts: attempts.buffer, failures: 9, how: 'hang' } as const;
    const task = await tasks.submit('flaky', { input });
    for (const attempt of [1, 2]) {
      await attempts.arrived(attempt);
      clock.advance(99);
      expect(task.record).toMatchObject({ status: 'running', stopping: null, attempt });
      clock.advance(1);
      expect(task.record).toMatchObject({ status: 'running', stopping: 'timeout' });
      clock.advance(50);
    }
    const error = { code: 'TASK_TIMEOUT', message: expect.stringContaining('longer than 100 ms') as string };
    expect(await task.settled()).toMatchObject({ status: 'failed', attempt: 2, stopping: null, error });
  });

  it('can not be sent is not tried again', async () => {
    const { tasks } = createPolicyManager({ retries: 3, backoff: () => 0 });
    const input = {
      attempts: new Gate().buffer,
      failures: 0,
      get how(): never {
        throw new Error('a getter');
      },
    };
    const task = await tasks.submit('flaky', { input });
    expect(await task.settled()).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'UNSERIALIZABLE' } });
  });
});

describe('closing', () => {
  it('cancels a task that waits for its next attempt, and names it', async () => {
    const attempts = new Gate();
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => SECOND });
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 1 } });
    await next(tasks, 'retrying');
    expect(await tasks.close()).toEqual({ cancelled: [task.id], interrupted: [], alive: [] });
    expect(task.record.status).toBe('cancelled');
    expect(attempts.arrivals).toBe(1);
  });

  it('fails a task whose attempt fails meanwhile, as there is no other one', async () => {
    const [attempts, gate] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ retries: 5, backoff: () => 0 });
    await tasks.ready();
    const input = { attempts: attempts.buffer, failures: 9, gate: gate.buffer };
    const task = await tasks.submit('flaky', { input });
    await attempts.arrived();
    const closed = tasks.close();
    gate.open();
    expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
    expect(task.record).toMatchObject({ status: 'failed', attempt: 1, error: { message: 'attempt 1 failed' } });
  });

  it('lets a batch go on with its retries', async () => {
    const [gate, tries] = [new Gate(), new Gate()];
    const { tasks } = createPolicyManager({ retries: 1, backoff: () => 0, parallelism: 1 });
    const fails: Parcel = { fails: tries.buffer, times: 1, how: 'throw' };
    const task = await tasks.submit('each', { items: [{ gate: gate.buffer }, fails, 3] });
    await gate.arrived();
    const closed = tasks.close();
    gate.open();
    await closed;
    expect(task.record).toMatchObject({ status: 'completed', result: [0, 0, 6] });
  });
});
