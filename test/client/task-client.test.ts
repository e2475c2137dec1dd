import { TaskManager, taskType } from 'treadle';
import { type TaskClient, createTaskClient } from 'treadle/client';
import { describe, expect, it } from 'vitest';
import { type Asker, type ApiServerOptions, KEYS, startApiServer } from '../http/live-server.js';
import { closedAtEnd, testTypes } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

type Types = ReturnType<typeof testTypes>;

async function startWithClients(options: ApiServerOptions = {}) {
  const server = await startApiServer(options);
  const clientOf = (asker: Asker): TaskClient<Types> =>
    createTaskClient<Types>({ url: server.origin, key: KEYS[asker], reconnect: { maxDelayMs: 20 } });
  return { ...server, ann: clientOf('ann'), ben: clientOf('ben'), ops: clientOf('ops') };
}

describe('submit', () => {
  it('has a task taken on with all that a submission can say', async () => {
    const { ann, tasks } = await startWithClients();
    tasks.pause();
    const task = await ann.submit('items', {
      items: [1, 2, 3],
      resourceId: 'book',
      group: 'shelf',
      priority: 3,
      meta: { page: 7 },
      onDuplicate: 'join',
    });
    const record = await task.get();
    expect(record).toMatchObject({
      task_id: task.id,
      task_type: 'items',
      status: 'pending',
      resource_id: 'book',
      group: 'shelf',
      priority: 3,
      meta: { page: 7 },
    });
    expect(record).toEqual(await ann.get(task.id));
    expect(tasks.get(task.id)).toMatchObject({ owner: 'ann' });
    expect((await ann.submit('items', { items: [9], resourceId: 'book', onDuplicate: 'join' })).id).toBe(task.id);
  });
});

describe('get and cancel', () => {
  it('know a task by its id alone', async () => {
    const { ann, tasks } = await startWithClients();
    tasks.pause();
    const { id } = await ann.submit('items', { items: [1] });
    expect(await ann.task(id).get()).toMatchObject({ task_id: id, status: 'pending' });
    expect(await ann.task(id).cancel()).toMatchObject({ task_id: id, status: 'cancelled' });
    expect(await ann.cancel(id)).toMatchObject({ status: 'cancelled' });
  });

  it('do not know the task of another owner', async () => {
    const { ann, ben, ops, tasks } = await startWithClients();
    tasks.pause();
    const { id } = await ann.submit('items', { items: [1] });
    await expect(ben.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ben.cancel(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ben.rerun(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await ops.get(id)).toMatchObject({ status: 'pending' });
  });
});

describe('list', () => {
  it('finds by type, status, resource, group and owner', async () => {
    const { ann, ben, ops, tasks } = await startWithClients();
    tasks.pause();
    const first = await ann.submit('items', { items: [1], resourceId: 'r', group: 'g' });
    const second = await ann.submit('fault', { input: { action: 'echo' } });
    const third = await ben.submit('items', { items: [1] });
    await second.cancel();
    const idsOf = async (list: ReturnType<typeof ann.list>): Promise<string[]> =>
      (await list).records.map(({ task_id: id }) => id);
    expect(await idsOf(ann.list())).toEqual([second.id, first.id]);
    expect(await idsOf(ann.list({ type: 'items' }))).toEqual([first.id]);
    expect(await idsOf(ann.list({ status: 'cancelled' }))).toEqual([second.id]);
    expect(await idsOf(ann.list({ resourceId: 'r' }))).toEqual([first.id]);
    expect(await idsOf(ann.list({ group: 'g' }))).toEqual([first.id]);
    expect(await idsOf(ann.list({ owner: 'ann' }))).toEqual([second.id, first.id]);
    expect(await idsOf(ops.list())).toEqual([third.id, second.id, first.id]);
    expect(await idsOf(ops.list({ owner: 'ben' }))).toEqual([third.id]);
    await expect(ann.list({ owner: 'ben' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('goes on at the cursor, and listAll over all pages', async () => {
    const { ann, tasks } = await startWithClients();
    tasks.pause();
    const ids: string[] = [];
    for (let at = 0; at < 7; at++) ids.unshift((await ann.submit('items', { items: [at] })).id);
    const page = await ann.list({ limit: 3 });
    expect(page.records.map(({ task_id: id }) => id)).toEqual(ids.slice(0, 3));
    const next = await ann.list({ limit: 3, cursor: page.nextCursor as string });
    expect(next.records.map(({ task_id: id }) => id)).toEqual(ids.slice(3, 6));
    const all: string[] = [];
    for await (const { task_id: id } of ann.listAll({ limit: 2 })) all.push(id);
    expect(all).toEqual(ids);
    expect((await ann.list({ limit: 7 })).nextCursor).toBe(null);
  });
});

describe('rerun', () => {
  it('runs a failed task again, all of it or what failed', async () => {
    const items = taskType(testTypes().items.module, { keepInput: 'failed', onItemError: 'skip' });
    const tasks = closedAtEnd(new TaskManager({ types: { ...testTypes(), items }, threads: { max: 1 } }));
    const { ann } = await startWithClients({ tasks });
    const handle = await tasks.submit('items', { items: [1, { throw: 'no' }, 3], owner: 'ann' });
    await handle.settled();
    expect((await ann.get(handle.id)).failed_items).toMatchObject({ count: 1, items: [{ index: 1, error: 'no' }] });
    const whole = await ann.task(handle.id).rerun();
    const part = await ann.task(handle.id).rerun({ onlyFailedItems: true });
    for (const [again, total] of [
      [whole, 3],
      [part, 1],
    ] as const) {
      expect(again.id).not.toBe(handle.id);
      expect(await again.get()).toMatchObject({ rerun_of: handle.id, items_total: total });
    }
  });
});

describe('results', () => {
  it('stay until they are acknowledged', async () => {
    const { ann, tasks } = await startWithClients();
    const gate = new Gate();
    const held = await tasks.submit('fault', {
      input: { action: 'gate', gate: gate.buffer },
      group: 'g',
      owner: 'ann',
    });
    const first = await tasks.submit('items', { items: [1], group: 'g', owner: 'ann' });
    await first.settled();
    const second = await tasks.submit('items', { items: [2], group: 'g', owner: 'ann' });
    await second.settled();
    const page = await ann.results('g', { limit: 1 });
    expect(page).toMatchObject({ records: [{ task_id: first.id, status: 'completed', result: [2] }], inProgress: 1 });
    const next = await ann.results('g', { ack: page.cursor as string });
    expect(next.records.map(({ task_id: id }) => id)).toEqual([second.id]);
    gate.open();
    await held.settled();
    const last = await ann.results('g', { ack: next.cursor as string });
    expect(last).toMatchObject({ records: [{ task_id: held.id, result: 1 }], inProgress: 0 });
    expect(await ann.results('g', { ack: last.cursor as string })).toMatchObject({ records: [], inProgress: 0 });
  });
});

describe('stats and threads', () => {
  it('tell of the caller’s tasks, and operators of any owner’s', async () => {
    const { ann, ben, ops, tasks } = await startWithClients();
    const gate = new Gate();
    const held = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
    await gate.arrived();
    expect(await ann.stats()).toMatchObject({ running: 1, types: { fault: { running: 1 } }, closing: null });
    expect(await ben.stats()).toMatchObject({ running: 0 });
    expect(await ops.stats({ owner: 'ben' })).toMatchObject({ running: 0 });
    const busy = (await ann.threads()).filter(({ state }) => state === 'busy');
    expect(busy).toMatchObject([{ task_id: held.id, task_type: 'fault', packed: 1, overdue: false }]);
    expect((await ben.threads()).map(({ task_id: id }) => id)).not.toContain(held.id);
    expect((await ops.threads({ owner: 'ann' })).map(({ task_id: id }) => id)).toContain(held.id);
    gate.open();
    await held.settled();
  });
});

describe('pause and resume', () => {
  it('are for operators', async () => {
    const { ann, ops, tasks } = await startWithClients();
    expect(await ops.pause()).toMatchObject({ paused: true });
    expect(tasks.stats().paused).toBe(true);
    await expect(ann.resume()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await ops.resume()).toMatchObject({ paused: false });
    expect(tasks.stats().paused).toBe(false);
  });
});

describe('metrics', () => {
  it('are the text that the server has, for operators', async () => {
    const text = '# HELP up Whether it is.\nup 1\n';
    const { ops, ann } = await startWithClients({
      api: { metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve(text) } },
    });
    expect(await ops.metrics()).toBe(text);
    await expect(ann.metrics()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', status: 403 });
  });

  it('are NOT_FOUND where the server has none', async () => {
    const { ops } = await startWithClients();
    await expect(ops.metrics()).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });
});
