import { type SettledRecord, type TaskHandle, TaskManager, range, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next } from '../support/policy-manager.js';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import { untyped } from '../support/waiting-task.js';
import { Gate } from '../tasks/gate.js';
import type { Parcel } from '../tasks/parcel.js';
import type stages from '../tasks/stages.task.js';

const keep = { keepInput: 'failed' } as const;
const skip = { ...keep, onItemError: 'skip' } as const;
/** Fails the first time. */
const once = (): Parcel => ({ fails: new Gate().buffer, times: 1, how: 'throw' });
const settled = async (task: Promise<TaskHandle>): Promise<SettledRecord> => (await task).settled();

describe('a task that failed', () => {
  it('is run again as a new task with the same input, and what it was submitted with', async () => {
    const { tasks } = createPolicyManager({ ...keep, timeoutMs: 7_000 });
    const named = { resourceId: 'r', group: 'g', owner: 'ann', priority: 2, meta: { n: 1 } };
    const attempts = new Gate();
    const input = { attempts: attempts.buffer, failures: 1 };
    const task = await tasks.submit('flaky', { input, ...named, timeoutMs: 9_000 });
    expect((await task.settled()).status).toBe('failed');
    const submitted: unknown[] = [];
    tasks.on('submitted', (record) => submitted.push(record.rerunOf));
    const again = await tasks.rerun(task.id, { owner: 'ann' });
    expect(submitted).toEqual([task.id]);
    expect(await again.result()).toBe(1);
    expect(again.id).not.toBe(task.id);
    expect(again.record).toMatchObject({ ...named, type: 'flaky', rerunOf: task.id, attempt: 1, status: 'completed' });
    expect(task.record).toMatchObject({ status: 'failed', rerunOf: null });
    expect(attempts.arrivals).toBe(2);
    expect(tasks.stats()).toMatchObject({ total: 2, completed: 1, failed: 1 });
  });

  it('can be run again more than once, and its reruns too', async () => {
    const { tasks } = createPolicyManager(keep);
    const input = { attempts: new Gate().buffer, failures: 2 };
    const first = await settled(tasks.submit('flaky', { input }));
    const second = await settled(tasks.rerun(first.id));
    expect(second).toMatchObject({ status: 'failed', rerunOf: first.id });
    expect(await settled(tasks.rerun(second.id))).toMatchObject({ status: 'completed', rerunOf: second.id });
    expect(await settled(tasks.rerun(first.id))).toMatchObject({ status: 'completed', rerunOf: first.id });
  });

  it('by waiting too long is run again, with all its items', async () => {
    const { tasks, clock } = createPolicyManager({ ...keep, expiresInMs: 100 });
    tasks.pause();
    const task = await tasks.submit('each', { items: [1, 2] });
    clock.advance(100);
    tasks.resume();
    expect(await (await tasks.rerun(task.id)).result()).toEqual([2, 4]);
  });
});

describe('the items that failed, alone,', () => {
  it('of an array are run again, with those that were not come to', async () => {
    const { tasks } = createPolicyManager({ ...keep, parallelism: 1, chunk: { min: 2, max: 2 } });
    const task = await settled(tasks.submit('each', { items: [1, 2, 3, once(), 5, 6, 7] }));
    expect(task.status).toBe('failed');
    const again = await tasks.rerun(task.id, { onlyFailedItems: true });
    // All before the one that failed were done.
    expect(await again.result()).toEqual([0, 10, 12, 14]);
    expect(again.record).toMatchObject({ rerunOf: task.id, progress: { itemsTotal: 4 } });
    expect(await (await tasks.rerun(task.id)).result()).toEqual([2, 4, 6, 0, 10, 12, 14]);
  });

  it('of a task that left them out are run again', async () => {
    const { tasks } = createPolicyManager(skip);
    const task = await settled(tasks.submit('each', { items: [once(), 1, once(), { throw: 'always' }, 2] }));
    expect(task).toMatchObject({ status: 'completed', failedItems: { count: 3 } });
    const again = await settled(tasks.rerun(task.id, { onlyFailedItems: true }));
    expect(again).toMatchObject({ status: 'completed', result: [0, 0, undefined] });
    expect(again.failedItems.items.map(({ index }) => index)).toEqual([2]);
    const third = await settled(tasks.rerun(again.id, { onlyFailedItems: true }));
    expect(third).toMatchObject({ progress: { itemsTotal: 1 }, failedItems: { count: 1, items: [{ index: 0 }] } });
  });

  it('of a range, and of a plan, keep their values', async () => {
    const { tasks } = createPolicyManager({ ...keep, timeoutMs: 100 });
    const finish = { tries: new Gate().buffer, failures: 1 };
    const items = untyped(range(100, 105)) as Parcel[];
    const given = await settled(tasks.submit('stages', { items, input: { finish } }));
    expect(given).toMatchObject({ status: 'failed', error: { message: 'try 1 failed' } });
    expect(await (await tasks.rerun(given.id)).result()).toEqual([200, 202, 204, 206, 208]);
    const input = { items: 3, finish: { tries: new Gate().buffer, failures: 1 } };
    const planned = await settled(tasks.submit('stages', { input }));
    expect(await (await tasks.rerun(planned.id)).result()).toEqual([0, 2, 4]);
  });

  it('of a range in several pieces are run again by value', async () => {
    const hungry = { ...skip, chunk: { max: 1 } };
    const picky = taskType(taskModule<typeof import('../tasks/picky.task.js').default>(builtTask('picky')), hungry);
    const tasks = closedAtEnd(new TaskManager({ types: { picky }, threads: { max: 1 } }));
    const refused = new Gate();
    const input = { refused: refused.buffer };
    for (const submit of [
      () => tasks.submit('picky', { input: { ...input, to: 20 } }),
      () => tasks.submit('picky', { input, items: range(10, 20) }),
    ]) {
      const task = await settled(submit());
      // Every third is refused while the gate is shut.
      const odd = task.failedItems.items.map(({ index }) => 10 + index);
      expect(odd).toEqual([12, 15, 18]);
      refused.open();
      const again = await tasks.rerun(task.id, { onlyFailedItems: true });
      expect(await again.result()).toEqual(odd);
      Atomics.store(refused.cells, 1, 0);
    }
  });

  it('are not all lost to `finish` where only that had failed: there is no item to run again', async () => {
    const { tasks } = createPolicyManager(keep);
    const input = { finish: { tries: new Gate().buffer, failures: 1 } };
    const task = await settled(tasks.submit('stages', { items: [1, 2, 3], input }));
    expect(task.error?.message).toBe('try 1 failed');
    await expect(tasks.rerun(task.id, { onlyFailedItems: true })).rejects.toMatchObject({ code: 'NOT_RERUNNABLE' });
  });
});

describe('rerun refuses, with the reason,', () => {
  it('a task that runs, waits, or went well', async () => {
    const { tasks } = createPolicyManager(keep);
    const gate = new Gate();
    const task = await tasks.submit('each', { items: [{ gate: gate.buffer }] });
    const refused = (reason: string): object => ({
      code: 'NOT_RERUNNABLE',
      taskId: task.id,
      message: expect.stringContaining(reason) as string,
    });
    await expect(tasks.rerun(task.id)).rejects.toMatchObject(refused('it is pending'));
    await gate.arrived();
    await expect(tasks.rerun(task.id)).rejects.toMatchObject(refused('it is running'));
    gate.open();
    await task.settled();
    await expect(tasks.rerun(task.id)).rejects.toMatchObject(refused('it is completed'));
    const cancelled = await tasks.submit('each', { items: [1] });
    cancelled.cancel();
    await cancelled.settled();
    await expect(tasks.rerun(cancelled.id)).rejects.toThrow(/it is cancelled/);
    expect(tasks.stats().total).toBe(2);
  });

  it('a type that keeps nothing', async () => {
    const { tasks } = createPolicyManager();
    const { id } = await settled(tasks.submit('each', { items: [{ throw: 'x' }] }));
    await expect(tasks.rerun(id)).rejects.toMatchObject({
      code: 'NOT_RERUNNABLE',
      message: expect.stringContaining('keepInput') as string,
    });
  });

  it('items that came from an iterator', async () => {
    const { tasks } = createPolicyManager(keep);
    const items = new Set<Parcel>([1, { throw: 'x' }]).values();
    const { id } = await settled(tasks.submit('each', { items }));
    await expect(tasks.rerun(id)).rejects.toThrow(/iterator/);
    await expect(tasks.rerun(id, { onlyFailedItems: true })).rejects.toThrow(/iterator/);
  });

  it('single items where there are none, not yet, or where the module makes them', async () => {
    const { tasks } = createPolicyManager(keep);
    const onePiece = await settled(tasks.submit('flaky', { input: { attempts: new Gate().buffer, failures: 9 } }));
    await expect(tasks.rerun(onePiece.id, { onlyFailedItems: true })).rejects.toThrow(/no items yet/);
    const plan = { tries: new Gate().buffer, failures: 1 };
    const unplanned = await settled(tasks.submit('stages', { input: { items: 2, plan } }));
    await expect(tasks.rerun(unplanned.id, { onlyFailedItems: true })).rejects.toThrow(/no items yet/);
    expect(await (await tasks.rerun(unplanned.id)).result()).toEqual([0, 2]);

    const own = taskType(taskModule<typeof stages>(builtTask('stages')), { ...keep, items: false });
    const makers = closedAtEnd(new TaskManager({ types: { own }, threads: { max: 1 } }));
    const finish = { tries: new Gate().buffer, failures: 1 };
    const { id } = await settled(makers.submit('own', { input: { items: 2, finish } }));
    await expect(makers.rerun(id, { onlyFailedItems: true })).rejects.toThrow(/makes all items itself/);
    expect(await (await makers.rerun(id)).result()).toEqual([0, 2]);
  });

  it('a task that it does not know, or that is of another owner', async () => {
    const { tasks } = createPolicyManager(keep);
    const { id } = await settled(tasks.submit('each', { items: [{ throw: 'x' }], owner: 'ann' }));
    const notFound = { code: 'TASK_NOT_FOUND' };
    await expect(tasks.rerun('nobody')).rejects.toMatchObject(notFound);
    await expect(tasks.rerun(id, { owner: 'bob' })).rejects.toMatchObject(notFound);
    await expect(tasks.rerun(id, { owner: 'ann' })).resolves.toMatchObject({ type: 'each' });
  });

  it('a duplicate, a full queue, and anything once it is closed', async () => {
    const { tasks } = createPolicyManager(keep, { queue: { max: 1 } });
    const failed = await settled(tasks.submit('each', { items: [{ throw: 'x' }], resourceId: 'r' }));
    tasks.pause();
    const inTheWay = await tasks.submit('each', { items: [1], resourceId: 'r' });
    await expect(tasks.rerun(failed.id)).rejects.toMatchObject({ code: 'DUPLICATE_TASK', taskId: inTheWay.id });
    inTheWay.cancel();
    await tasks.submit('fault', { input: { action: 'echo' } });
    await expect(tasks.rerun(failed.id)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await tasks.close();
    await expect(tasks.rerun(failed.id)).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('what is kept to run tasks again', () => {
  const failing = (text: string): { items: Parcel[] } => ({ items: [{ throw: text }] });

  it('is bounded: the oldest goes first, and one that is too large never comes in', async () => {
    const { tasks } = createPolicyManager(keep, { history: { inputBytes: 16_000 } });
    const ids: string[] = [];
    // Each may take a thousand bytes, a sixteenth.
    for (let at = 0; at < 20; at++) ids.push((await settled(tasks.submit('each', failing('x'.repeat(900))))).id);
    await expect(tasks.rerun(ids[0] as string)).rejects.toThrow(/had to make room/);
    await expect(tasks.rerun(ids[19] as string)).resolves.toMatchObject({ type: 'each' });
    const large = await settled(tasks.submit('each', failing('x'.repeat(1_100))));
    await expect(tasks.rerun(large.id)).rejects.toThrow(/too large/);
    await expect(tasks.rerun(ids[18] as string)).resolves.toMatchObject({ type: 'each' });
  });

  it('goes with its record', async () => {
    const { tasks, clock } = createPolicyManager(keep, { history: { max: 1, failedTtlMs: 100 } });
    const first = await settled(tasks.submit('each', failing('one')));
    const second = await settled(tasks.submit('each', failing('two')));
    await expect(tasks.rerun(first.id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    const again = tasks.rerun(second.id);
    const failed = next(tasks, 'failed');
    await expect(again).resolves.toMatchObject({ type: 'each' });
    await failed;
    clock.advance(101);
    await expect(tasks.rerun(second.id)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  });
});
