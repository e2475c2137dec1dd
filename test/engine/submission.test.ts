import { describe, expect, it } from 'vitest';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

const echo = { action: 'echo' } as const;

describe('duplicates', () => {
  it('refuses a second task of the same owner, type and resource with the id of the first, until that has settled', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const first = await tasks.submit('fault', {
      input: { action: 'gate', gate: gate.buffer },
      resourceId: 'doc',
      owner: 'a',
    });
    await expect(tasks.submit('fault', { input: echo, resourceId: 'doc', owner: 'a' })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      taskId: first.id,
    });
    const others = [
      await tasks.submit('fault', { input: echo, resourceId: 'doc', owner: 'b' }),
      await tasks.submit('fault', { input: echo, resourceId: 'other', owner: 'a' }),
      await tasks.submit('items', { items: [1], resourceId: 'doc', owner: 'a' }),
      await tasks.submit('fault', { input: echo, owner: 'a' }),
      await tasks.submit('fault', { input: echo, owner: 'a' }),
    ];
    gate.open();
    await Promise.all([first, ...others].map((task) => task.settled()));
    expect((await (await tasks.submit('fault', { input: echo, resourceId: 'doc', owner: 'a' })).settled()).status).toBe(
      'completed',
    );
  });

  it('lets exactly one of many equal submissions in, however they arrive', async () => {
    const tasks = createTestManager();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => tasks.submit('fault', { input: echo, resourceId: 'one' })),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(tasks.stats().total).toBe(1);
  });

  it('joins: the same task for both, the higher priority, all hooks, and a cancel for all', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1 });
    const gate = new Gate();
    const hooks: string[] = [];
    const blocker = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    const first = await tasks.submit('fault', {
      input: echo,
      resourceId: 'x',
      onSettled: () => void hooks.push('first'),
    });
    const second = await tasks.submit('fault', {
      input: echo,
      resourceId: 'x',
      onDuplicate: 'join',
      priority: 3,
      onSettled: () => void hooks.push('second'),
    });
    expect(second.id).toBe(first.id);
    expect(first.record.priority).toBe(3);
    expect(tasks.stats().total).toBe(2);
    second.cancel();
    expect((await first.settled()).status).toBe('cancelled');
    expect(hooks).toEqual(['first', 'second']);
    gate.open();
    await blocker.settled();
  });

  it('does not join a task that is being cancelled', async () => {
    const tasks = createTestManager({ cancelGraceMs: Infinity });
    const gate = new Gate();
    const first = await tasks.submit('fault', {
      input: { action: 'ignore-cancel', gate: gate.buffer },
      resourceId: 'x',
    });
    await gate.arrived();
    first.cancel();
    await expect(tasks.submit('fault', { input: echo, resourceId: 'x', onDuplicate: 'join' })).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
    });
    gate.open();
    await first.settled();
  });

  it('allows duplicates where that is asked for, and refuses beside them where it is not', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const input = { action: 'gate', gate: gate.buffer } as const;
    const both = [
      await tasks.submit('fault', { input, resourceId: 'x' }),
      await tasks.submit('fault', { input, resourceId: 'x', onDuplicate: 'allow' }),
    ];
    await expect(tasks.submit('fault', { input, resourceId: 'x' })).rejects.toMatchObject({ code: 'DUPLICATE_TASK' });
    gate.open();
    await Promise.all(both.map((task) => task.settled()));
    expect(tasks.stats().completed).toBe(2);
  });
});

describe('groups', () => {
  it('gives settled results out once, keeps tasks in progress, and forgets empty groups', async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const done = await tasks.submit('fault', { input: { action: 'echo', value: 1 }, group: 'parent' });
    const running = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, group: 'parent' });
    const other = await tasks.submit('fault', { input: echo, group: 'parent', owner: 'somebody' });
    await Promise.all([done.settled(), other.settled(), gate.arrived()]);
    expect(tasks.takeResults('parent').map((record) => record.id)).toEqual([done.id]);
    expect(tasks.takeResults('parent')).toEqual([]);
    gate.open();
    await running.settled();
    expect(tasks.takeResults('parent').map((record) => record.id)).toEqual([running.id]);
    expect(tasks.takeResults('parent', { owner: 'somebody' }).map((record) => record.id)).toEqual([other.id]);
    expect(tasks.takeResults('parent', { owner: 'somebody' })).toEqual([]);
    expect(tasks.get(done.id)?.status).toBe('completed');
  });

  it('loses no result when polled all the time', async () => {
    const tasks = createTestManager();
    const taken: string[] = [];
    const handles = await Promise.all(
      Array.from({ length: 100 }, (_, value) =>
        tasks.submit('fault', { input: { action: 'echo', value }, group: 'poll' }),
      ),
    );
    for (const handle of handles) {
      taken.push(...tasks.takeResults('poll').map((record) => record.id));
      await handle.settled();
    }
    taken.push(...tasks.takeResults('poll').map((record) => record.id));
    expect(taken.toSorted()).toEqual(handles.map((handle) => handle.id).toSorted());
  });
});

describe('list and owners', () => {
  it('lists newest first over waiting, running and settled tasks, page by page', async () => {
    const tasks = createTestManager({ maxConcurrentTasks: 1 });
    const settled = await tasks.submit('fault', { input: echo });
    await settled.settled();
    const gate = new Gate();
    const running = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    const waiting = await tasks.submit('items', { items: [1] });
    await gate.arrived();
    const all = tasks.list();
    expect(all.records.map((record) => [record.id, record.status])).toEqual([
      [waiting.id, 'pending'],
      [running.id, 'running'],
      [settled.id, 'completed'],
    ]);
    expect(all.nextCursor).toBeNull();
    const first = tasks.list({ limit: 2 });
    expect(first.records.map((record) => record.id)).toEqual([waiting.id, running.id]);
    const second = tasks.list({ limit: 2, cursor: first.nextCursor ?? '' });
    expect(second.records.map((record) => record.id)).toEqual([settled.id]);
    expect(second.nextCursor).toBeNull();
    gate.open();
    await waiting.settled();
  });

  it('filters by type, status, resource, group and owner', async () => {
    const tasks = createTestManager();
    const wanted = await tasks.submit('fault', { input: echo, resourceId: 'r', group: 'g', owner: 'o' });
    await tasks.submit('items', { items: [1] });
    const failed = await tasks.submit('fault', { input: { action: 'throw' } });
    await Promise.all([wanted.settled(), failed.settled()]);
    const idsOf = (filter: Parameters<typeof tasks.list>[0]) => tasks.list(filter).records.map((record) => record.id);
    expect(idsOf({ resourceId: 'r' })).toEqual([wanted.id]);
    expect(idsOf({ group: 'g' })).toEqual([wanted.id]);
    expect(idsOf({ owner: 'o' })).toEqual([wanted.id]);
    expect(idsOf({ status: 'failed' })).toEqual([failed.id]);
    expect(idsOf({ type: 'fault' })).toEqual([failed.id, wanted.id]);
    expect(idsOf({ type: 'fault', owner: 'nobody' })).toEqual([]);
  });

  it("hides another owner's task from get and cancel", async () => {
    const tasks = createTestManager();
    const gate = new Gate();
    const task = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'a' });
    await gate.arrived();
    expect(tasks.get(task.id, { owner: 'b' })).toBeUndefined();
    expect(tasks.cancel(task.id, { owner: 'b' })).toBeUndefined();
    expect(tasks.get(task.id, { owner: 'a' })?.status).toBe('running');
    gate.open();
    expect((await task.settled()).status).toBe('completed');
  });
});
