import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { closedOnClock, createPolicyManager, policyTypes } from '../support/policy-manager.js';
import type flaky from '../tasks/flaky.task.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';

const echo = { action: 'echo', value: 'alive' } as const;
const REPAIRED = `import { defineTask } from ${JSON.stringify(import.meta.resolve('treadle/task'))};
export default defineTask(({ attempts, failures }, ctx) => {
  const cells = new Int32Array(attempts);
  Atomics.add(cells, 0, 1);
  Atomics.notify(cells, 0);
  while (failures > 0) ctx.throwIfCancelled();
  return 'repaired';
});`;

/** A manager with a type whose module is broken, beside sound ones. */
async function withBroken() {
  const folder = await mkdtemp(join(tmpdir(), 'treadle-breaker-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'broken.mjs');
  await writeFile(file, "throw new Error('on import')");
  const clock = new ManualClock();
  const types = { ...policyTypes(), broken: taskType(taskModule<typeof flaky>(file)) };
  const tasks = closedOnClock(new TaskManager({ types, threads: { max: 2 }, cancelGraceMs: 50, clock }), clock);
  const submit = () => tasks.submit('broken', { input: { attempts: new Gate().buffer, failures: 0 } });
  const fail = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) expect((await (await submit()).settled()).status).toBe('failed');
  };
  return { tasks, clock, submit, fail, write: (source: string) => writeFile(file, source) };
}

describe('a type whose module can not be loaded', () => {
  it('is refused after five times, at once and with the time of the next try, and other types go on', async () => {
    const { tasks, submit, fail } = await withBroken();
    await fail(5);
    const running: string[] = [];
    tasks.on('running', ({ type }) => running.push(type));
    const refused = await submit();
    await expect(refused.result()).rejects.toMatchObject({
      code: 'TASK_MODULE_FAILED',
      message: expect.stringMatching(/was not run: the last 5 attempts.*1000 ms.*on import/) as string,
      details: { retryInMs: 1_000 },
      taskId: refused.id,
      cause: { code: 'TASK_MODULE_FAILED' },
    });
    expect(refused.record).toMatchObject({ status: 'failed', startedAt: null, error: { code: 'TASK_MODULE_FAILED' } });
    expect(await (await tasks.submit('fault', { input: echo })).result()).toBe('alive');
    expect(running).toEqual(['fault']);
    expect(tasks.stats()).toMatchObject({ failed: 6, completed: 1, threads: { busy: 0 } });
  });

  it('is let through once after a second, then after twice as long, and for good once it is repaired', async () => {
    const { clock, submit, fail, write } = await withBroken();
    await fail(5);
    const refusal = async () =>
      (await (await submit()).result().catch((error: unknown) => error)) as { details: unknown };
    for (const breakMs of [1_000, 2_000]) {
      clock.advance(breakMs - 1);
      expect((await refusal()).details).toEqual({ retryInMs: 1 });
      clock.advance(1);
      const probe = await submit();
      const other = await submit();
      expect((await other.settled()).error?.message).toMatch(/was not run/);
      expect((await probe.settled()).error?.message).not.toMatch(/was not run/);
      expect((await refusal()).details).toEqual({ retryInMs: breakMs * 2 });
    }
    await write(REPAIRED);
    clock.advance(4_000);
    expect(await (await submit()).result()).toBe('repaired');
    const all = await Promise.all([submit(), submit(), submit()]);
    expect(await Promise.all(all.map((task) => task.result()))).toEqual(['repaired', 'repaired', 'repaired']);
  });

  it('is tried again by another task when the one that was let through was cancelled', async () => {
    const { tasks, clock, submit, fail, write } = await withBroken();
    await fail(5);
    await write(REPAIRED);
    clock.advance(1_000);
    tasks.pause();
    // One that had no slot was not let through.
    (await submit()).cancel();
    tasks.resume();
    const gate = new Gate();
    const probe = await tasks.submit('broken', { input: { attempts: gate.buffer, failures: 1 } });
    await gate.arrived();
    probe.cancel();
    expect((await probe.settled()).status).toBe('cancelled');
    expect(await (await submit()).result()).toBe('repaired');
  });

  it('fails tasks that wait in the queue one by one, without a thread', async () => {
    const { tasks, submit, fail } = await withBroken();
    await fail(5);
    tasks.pause();
    const waiting = await Promise.all(Array.from({ length: 50 }, submit));
    tasks.resume();
    const records = await Promise.all(waiting.map((task) => task.settled()));
    expect(new Set(records.map(({ error, startedAt }) => `${error?.code} ${startedAt}`))).toEqual(
      new Set(['TASK_MODULE_FAILED null']),
    );
    expect(tasks.stats()).toMatchObject({ failed: 55, pending: 0, running: 0 });
  });

  it('does not count what could never be sent as the one that was let through', async () => {
    const { tasks, clock, submit, fail, write } = await withBroken();
    await fail(5);
    await write(REPAIRED);
    clock.advance(1_000);
    const input = {
      attempts: new Gate().buffer,
      failures: 0,
      get how(): never {
        throw new Error('a getter');
      },
    };
    const unsendable = await tasks.submit('broken', { input });
    expect((await unsendable.settled()).error?.code).toBe('UNSERIALIZABLE');
    expect(await (await submit()).result()).toBe('repaired');
  });
});

describe('a type whose threads die', () => {
  it('twenty times in a row is refused for a second; a batch in progress is not hit', async () => {
    const { tasks } = createPolicyManager({ onItemError: 'skip', parallelism: 1 });
    const gate = new Gate();
    // Two deaths for each.
    const killers = Array.from({ length: 10 }, (): Parcel => ({ exit: 3 }));
    const batch = await tasks.submit('each', { items: [...killers, { gate: gate.buffer }, 5] });
    await gate.arrived();
    expect(await (await tasks.submit('run', { items: [1] })).result()).toEqual([2]);
    const refused = await tasks.submit('each', { items: [1] });
    await expect(refused.result()).rejects.toMatchObject({
      code: 'WORKER_EXITED',
      message: expect.stringMatching(/was not run: the last 20 attempts.*code 3/) as string,
      details: { retryInMs: 1_000 },
    });
    gate.open();
    expect((await batch.result()).slice(-2)).toEqual([0, 10]);
    expect(batch.record.failedItems.count).toBe(10);
    // What came back has closed it.
    expect(await (await tasks.submit('each', { items: [1] })).result()).toEqual([2]);
  });

  it('is refused an attempt that may be tried again later, and then it is let through', async () => {
    const { tasks, clock } = createPolicyManager({ retries: 1, backoff: () => 1_000 });
    const submit = (failures: number) =>
      tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures, how: 'exit' } });
    await tasks.ready();
    const died = new Gate();
    tasks.on('retrying', () => died.arrive());
    const dying = await Promise.all(Array.from({ length: 10 }, () => submit(2)));
    await died.arrived(10);
    clock.advance(1_000);
    const records = await Promise.all(dying.map((task) => task.settled()));
    expect(records.map(({ error }) => error?.code)).toEqual(records.map(() => 'WORKER_EXITED'));
    const later = await submit(0);
    await turn();
    expect(later.record).toMatchObject({ status: 'pending', attempt: 2, startedAt: null });
    clock.advance(1_000);
    expect(await later.result()).toBe(2);
  });
});
