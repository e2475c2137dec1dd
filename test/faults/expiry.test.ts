import { setImmediate as turn } from 'node:timers/promises';
import type { TaskRecord } from 'treadle';
import { describe, expect, it } from 'vitest';
import { createPolicyManager, next } from '../support/policy-manager.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo', value: 'alive' } as const;
const expired = (expiresInMs: number): object => ({
  status: 'failed',
  startedAt: null,
  attempt: 1,
  stopping: null,
  error: { code: 'TASK_EXPIRED', message: expect.stringContaining(`within ${expiresInMs} ms`) as string },
});

describe('a task that waits longer than it may for its start', () => {
  it('fails with TASK_EXPIRED, never runs, and its neighbours keep their order', async () => {
    const { tasks, clock } = createPolicyManager({}, { maxConcurrentTasks: 1 });
    const events: string[] = [];
    for (const name of ['submitted', 'running', 'completed', 'failed'] as const) {
      tasks.on(name, (record: TaskRecord) => events.push(`${name} ${String(record.meta)}`));
    }
    const gate = new Gate();
    await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, meta: 'first' });
    const before = await tasks.submit('fault', { input: echo, meta: 'before' });
    const settled: TaskRecord[] = [];
    const [task, twin] = await Promise.all(
      ['expiring', 'later'].map((meta, at) =>
        tasks.submit('fault', {
          input: echo,
          meta,
          expiresInMs: at === 0 ? 100 : 101,
          onSettled: (record) => settled.push(record),
        }),
      ),
    );
    const after = await tasks.submit('fault', { input: echo, meta: 'after' });
    await gate.arrived();
    clock.advance(99);
    expect(task?.record.status).toBe('pending');
    clock.advance(1);
    expect(task?.record).toMatchObject(expired(100));
    expect(twin?.cancel().status).toBe('cancelled');
    await expect(task?.result()).rejects.toMatchObject({ code: 'TASK_EXPIRED', details: { expiresInMs: 100 } });
    expect(settled.map((record) => record.status)).toEqual(['failed', 'cancelled']);
    gate.open();
    await Promise.all([before.result(), after.result()]);
    expect(events.filter((event) => !event.startsWith('submitted'))).toEqual([
      'running first',
      'failed expiring',
      'completed first',
      'running before',
      'completed before',
      'running after',
      'completed after',
    ]);
    expect(tasks.stats()).toMatchObject({ total: 5, completed: 3, failed: 1, cancelled: 1, pending: 0, running: 0 });
  });

  it('fails also when it has a slot but no thread yet', async () => {
    const { tasks, clock } = createPolicyManager({}, { maxConcurrentTasks: 2, threads: { max: 1 } });
    const gate = new Gate();
    let returned = false;
    const items = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }) as const,
        return: () => ((returned = true), { done: true, value: undefined } as const),
      }),
    };
    await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();
    const batch = await tasks.submit('each', { items, expiresInMs: 100 });
    tasks.setMaxConcurrentTasks(3);
    const onePiece = await tasks.submit('fault', { input: echo, expiresInMs: 100 });
    await turn();
    clock.advance(100);
    expect([batch.record, onePiece.record]).toMatchObject([expired(100), expired(100)]);
    // Only a task with a slot has asked for its items.
    expect(returned).toBe(true);
    gate.open();
    const more = await tasks.submit('fault', { input: echo });
    expect(await more.result()).toBe('alive');
  });

  it('goes on once it has begun, also between two attempts', async () => {
    const [gate, attempts] = [new Gate(), new Gate()];
    const { tasks, clock } = createPolicyManager({ expiresInMs: 100, retries: 1, backoff: () => 1_000 });
    const task = await tasks.submit('flaky', { input: { attempts: attempts.buffer, failures: 1, gate: gate.buffer } });
    await attempts.arrived();
    clock.advance(100);
    gate.open();
    await next(tasks, 'retrying');
    clock.advance(1_000);
    expect(await task.result()).toBe(2);
  });

  it('may wait as long as its submission says, else as its type says', async () => {
    const { tasks, clock } = createPolicyManager({ expiresInMs: 100 });
    tasks.pause();
    const submit = (expiresInMs?: number) =>
      tasks.submit('each', { items: [1], ...(expiresInMs === undefined ? {} : { expiresInMs }) });
    const handles = await Promise.all([submit(50), submit(), submit(200), submit(Infinity)]);
    const statuses = (): string[] => handles.map(({ record }) => record.status);
    clock.advance(50);
    expect(statuses()).toEqual(['failed', 'pending', 'pending', 'pending']);
    clock.advance(50);
    expect(statuses()).toEqual(['failed', 'failed', 'pending', 'pending']);
    clock.advance(100);
    expect(statuses()).toEqual(['failed', 'failed', 'failed', 'pending']);
    tasks.resume();
    expect(await handles[3]?.result()).toEqual([2]);
  });

  it('leaves no timer, however it ends', async () => {
    const { tasks, clock } = createPolicyManager();
    tasks.pause();
    const idle = await tasks.submit('each', { items: [1] });
    const { timers } = clock;
    const cancelled = await tasks.submit('each', { items: [1], expiresInMs: 100 });
    await tasks.submit('each', { items: [1], expiresInMs: 100 });
    expect(clock.timers).toBe(timers + 2);
    cancelled.cancel();
    clock.advance(100);
    expect(clock.timers).toBe(timers);
    await expect(tasks.submit('each', { items: [1], expiresInMs: 100, priority: 9 })).rejects.toThrow(/priority/);
    expect(clock.timers).toBe(timers);
    idle.cancel();
  });

  it('has whoever joined it wait no longer', async () => {
    const { tasks, clock } = createPolicyManager();
    tasks.pause();
    const named = { items: [1], resourceId: 'r', onDuplicate: 'join' } as const;
    const first = await tasks.submit('each', { ...named, expiresInMs: 100 });
    const joined = await tasks.submit('each', { ...named, expiresInMs: 1_000, priority: 3 });
    expect(joined.id).toBe(first.id);
    clock.advance(100);
    expect(joined.record).toMatchObject({ ...expired(100), priority: 3 });
    const another = await tasks.submit('each', named);
    expect(another.id).not.toBe(first.id);
    tasks.resume();
    expect(await another.result()).toEqual([2]);
  });

  it('makes room in the queue', async () => {
    const { tasks, clock } = createPolicyManager({}, { queue: { max: 1 } });
    tasks.pause();
    await tasks.submit('fault', { input: echo, expiresInMs: 100 });
    await expect(tasks.submit('fault', { input: echo })).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    clock.advance(100);
    expect((await tasks.submit('fault', { input: echo })).record.status).toBe('pending');
  });

  it('fails while the first thread still starts', async () => {
    const { tasks, clock } = createPolicyManager({ expiresInMs: 100 });
    const task = await tasks.submit('each', { items: [1] });
    await Promise.resolve();
    clock.advance(100);
    expect(task.record).toMatchObject(expired(100));
    expect(await (await tasks.submit('each', { items: [1], expiresInMs: Infinity })).result()).toEqual([2]);
  });
});
