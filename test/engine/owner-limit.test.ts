import { TaskManager, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next } from '../support/policy-manager.js';
import { builtTask, closedAtEnd, createTestManager } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo' } as const;

/** A manager in which so many tasks of an owner may wait, with every slot taken by somebody else. */
async function busyManager(maxPendingPerOwner: number, slots = 1) {
  const tasks = createTestManager({ maxConcurrentTasks: slots, queue: { maxPendingPerOwner } });
  const gate = new Gate();
  const submit = (owner?: string, options: { resourceId?: string; onDuplicate?: 'join' } = {}) =>
    tasks.submit('fault', { input: echo, ...(owner === undefined ? {} : { owner }), ...options });
  for (let at = 0; at < slots; at++) {
    await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: `busy ${at}` });
  }
  await gate.arrived(Math.min(slots, 2));
  return { tasks, gate, submit };
}

describe('queue.maxPendingPerOwner', () => {
  it('refuses what is over it with QUEUE_FULL, says so, and leaves other owners and tasks without one alone', async () => {
    const { tasks, gate, submit } = await busyManager(2);
    const waiting = [await submit('ann'), await submit('ann')];
    const refused = submit('ann');
    await expect(refused).rejects.toMatchObject({ code: 'QUEUE_FULL', details: { maxPendingPerOwner: 2 } });
    await expect(refused).rejects.toThrow(
      'The queue is full for this owner: 2 of its tasks wait and `queue.maxPendingPerOwner` is 2',
    );
    waiting.push(await submit('bob'), await submit('bob'));
    for (let at = 0; at < 10; at++) waiting.push(await submit());
    expect(tasks.stats()).toMatchObject({ total: 15, pending: 14 });
    gate.open();
    await Promise.all(waiting.map((task) => task.settled()));
    expect((await (await submit('ann')).settled()).status).toBe('completed');
  });

  it('has room again for each task that is cancelled', async () => {
    const { submit } = await busyManager(2);
    const first = await submit('ann');
    await submit('ann');
    await expect(submit('ann')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    first.cancel();
    first.cancel();
    await submit('ann');
    await expect(submit('ann')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('does not count what can start at once: as many more as there are slots', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 3, queue: { maxPendingPerOwner: 1 } });
    const gate = new Gate();
    const submit = () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
    await Promise.all([submit(), submit(), submit(), submit()]);
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await gate.arrived(2);
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(tasks.stats().total).toBe(4);
  });

  it('counts all where nothing starts, because the manager is paused', async () => {
    const tasks = createTestManager({ queue: { maxPendingPerOwner: 1 } });
    tasks.pause();
    await tasks.submit('fault', { input: echo, owner: 'ann' });
    await expect(tasks.submit('fault', { input: echo, owner: 'ann' })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });

  it('counts all where the type is at its limit, though slots are free; another type starts at once', async () => {
    const module = taskModule<typeof fault>(builtTask('fault'));
    const types = { single: taskType(module, { concurrency: 1 }), free: taskType(module) };
    const tasks = closedAtEnd(new TaskManager({ types, threads: { max: 2 }, queue: { maxPendingPerOwner: 2 } }));
    const gate = new Gate();
    const held = { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' } as const;
    for (let at = 0; at < 3; at++) await tasks.submit('single', held);
    await gate.arrived();
    await expect(tasks.submit('single', held)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    const other = await tasks.submit('free', { input: echo, owner: 'ann' });
    expect((await other.settled()).status).toBe('completed');
  });

  it('does not refuse who joins a task', async () => {
    const { submit } = await busyManager(1);
    const first = await submit('ann', { resourceId: 'r' });
    expect((await submit('ann', { resourceId: 'r', onDuplicate: 'join' })).id).toBe(first.id);
    await expect(submit('ann', { resourceId: 'other', onDuplicate: 'join' })).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    });
  });

  it('counts a task that waits for its next attempt, and does not refuse that attempt', async () => {
    const policy = { retries: 1, backoff: () => 1_000 };
    const { tasks, clock } = createPolicyManager(policy, {
      maxConcurrentTasks: 1,
      queue: { maxPendingPerOwner: 1 },
    });
    const attempts = new Gate();
    const failing = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 1 }, owner: 'ann' });
    await next(tasks, 'retrying');
    const gate = new Gate();
    const held = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'bob' });
    await gate.arrived();
    await expect(tasks.submit('fault', { input: echo, owner: 'ann' })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    // It goes back to the queue while one that came meanwhile could not.
    clock.advance(1_000);
    await expect(tasks.submit('fault', { input: echo, owner: 'ann' })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    gate.open();
    expect([await failing.result(), (await held.settled()).status]).toEqual([2, 'completed']);
    await expect(tasks.submit('fault', { input: echo, owner: 'ann' })).resolves.toMatchObject({ type: 'fault' });
  });

  it('refuses a task that is run again, too', async () => {
    const { tasks } = createPolicyManager({ keepInput: 'failed' }, { queue: { maxPendingPerOwner: 1 } });
    const failed = await tasks.submit('each', { items: [{ throw: 'x' }], owner: 'ann' });
    await failed.settled();
    tasks.pause();
    const waiting = await tasks.submit('fault', { input: echo, owner: 'ann' });
    await expect(tasks.rerun(failed.id)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    waiting.cancel();
    await expect(tasks.rerun(failed.id)).resolves.toMatchObject({ type: 'each' });
  });
});
