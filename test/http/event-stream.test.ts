import { expect, test } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { createTestManager } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import { startApiServer } from './live-server.js';
import { readEvents } from './event-reader.js';

const names = ({ events }: { events: readonly { event: string }[] }): string[] => events.map(({ event }) => event);

test('follows a task from its present state to its end', async () => {
  // Nothing changes meanwhile by itself.
  const server = await startApiServer({ tasks: createTestManager({ clock: new ManualClock() }) });
  const gate = new Gate();
  const task = await server.tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
  await gate.arrived();
  const reader = await readEvents(server, `/tasks/${task.id}/events`);
  expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
  expect(reader.response.headers.get('cache-control')).toBe('no-store, no-transform');
  expect(reader.response.headers.get('x-accel-buffering')).toBe('no');
  const { data } = await reader.until('snapshot');
  expect(data).toEqual(await recordOf(server, task.id));
  gate.open();
  expect(await reader.over).toBe('ended');
  expect(names(reader).filter((name) => name !== 'progress' && name !== 'running')).toEqual(['snapshot', 'completed']);
  expect(reader.events.at(-1)?.data).toEqual(await recordOf(server, task.id));
});

test('tells of a settled task once, and then answers 204', async () => {
  const server = await startApiServer();
  const task = await server.tasks.submit('fault', { input: { action: 'throw' }, owner: 'ann' });
  await task.settled();
  const first = await readEvents(server, `/tasks/${task.id}/events`);
  expect(await first.over).toBe('ended');
  expect(first.events).toMatchObject([{ event: 'snapshot', data: { status: 'failed' } }]);
  const again = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId: first.lastEventId() });
  expect(again.response.status).toBe(204);
});

test('answers 204 to who has seen the last event of a task, and sends it to who has not', async () => {
  const server = await startApiServer();
  const gate = new Gate();
  const task = await server.tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
  await gate.arrived();
  const early = await readEvents(server, `/tasks/${task.id}/events`);
  const { id: beforeEnd } = await early.until('snapshot');
  early.leave();
  gate.open();
  await task.settled();
  const late = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId: beforeEnd });
  expect(await late.over).toBe('ended');
  expect(names(late).filter((name) => name !== 'running')).toEqual(['completed']);
  const over = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId: late.lastEventId() });
  expect(over.response.status).toBe(204);
});

test('ends the stream of a task in order when its last event is among what was missed', async () => {
  const server = await startApiServer();
  const all = await readEvents(server, '/events');
  const { id: start } = await all.until('ready');
  const task = await server.tasks.submit('fault', { input: { action: 'chatter', messages: 3 }, owner: 'ann' });
  await task.settled();
  await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' }).then((other) => other.settled());
  const reader = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId: start });
  expect(await reader.over).toBe('ended');
  expect(names(reader)).toEqual(['submitted', 'running', 'log', 'log', 'log', 'completed']);
  expect(reader.events[2]?.data).toEqual({
    task_id: task.id,
    task_type: 'fault',
    at: expect.any(Number),
    text: 'message 0',
  });
});

test('begins the stream of all with `ready`, and misses nothing that is submitted after it', async () => {
  const server = await startApiServer();
  const reader = await readEvents(server, '/events', { as: 'ops' });
  expect(await reader.until('ready')).toEqual({ event: 'ready', id: expect.stringMatching(/-0$/), data: {} });
  const task = await server.tasks.submit('fault', { input: { action: 'echo', value: 7 } });
  expect(await reader.until('completed')).toMatchObject({ data: { task_id: task.id, result: 7 } });
  const told = reader.events.filter(({ event }) => event !== 'progress');
  expect(names({ events: told })).toEqual(['ready', 'submitted', 'running', 'completed']);
  const ids = told.map(({ id }) => Number(id?.split('-').at(-1)));
  expect(ids).toEqual([0, 1, 2, 3]);
});

test('each owner hears of their own tasks alone, and operators of all', async () => {
  const server = await startApiServer();
  const ann = await readEvents(server, '/events', { as: 'ann' });
  const ben = await readEvents(server, '/events', { as: 'ben' });
  const ops = await readEvents(server, '/events', { as: 'ops' });
  const opsOfBen = await readEvents(server, '/events?owner=ben', { as: 'ops' });
  for (const reader of [ann, ben, ops, opsOfBen]) await reader.until('ready');
  const owners = ['ann', 'ben', null, 'ann'];
  const ids: string[] = [];
  for (const owner of owners) {
    const input = { action: 'chatter' as const, messages: 2 };
    const task = await server.tasks.submit('fault', { input, ...(owner === null ? {} : { owner }) });
    ids.push(task.id);
    await task.settled();
  }
  // The last word of each: nothing comes after it.
  await ann.until((event) => event.event === 'completed' && event.data.task_id === ids[3]);
  await ops.until((event) => event.event === 'completed' && event.data.task_id === ids[3]);
  for (const reader of [ben, opsOfBen]) await reader.until('completed');
  const heardOf = ({ events }: typeof ann): Set<unknown> =>
    new Set(events.slice(1).map(({ data }) => (data as { task_id: string }).task_id));
  expect(heardOf(ann)).toEqual(new Set([ids[0], ids[3]]));
  expect(heardOf(ben)).toEqual(new Set([ids[1]]));
  expect(heardOf(opsOfBen)).toEqual(new Set([ids[1]]));
  expect(heardOf(ops)).toEqual(new Set(ids));
  // Replay has the same filter, log lines included.
  const again = await readEvents(server, '/events', { as: 'ben', lastEventId: ann.events[0]?.id ?? null });
  await again.until('completed');
  expect(names(again)).toEqual(['submitted', 'running', 'log', 'log', 'completed']);
  expect(heardOf(again)).toEqual(new Set([ids[1]]));
});

test("another owner's task is 404, and naming another owner 403", async () => {
  const server = await startApiServer();
  const task = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' });
  const other = await readEvents(server, `/tasks/${task.id}/events`, { as: 'ben' });
  expect(other.response.status).toBe(404);
  expect(await other.response.json()).toMatchObject({ status: 'error', error: { code: 'NOT_FOUND' } });
  expect((await server.request('/events?owner=ann', { as: 'ben' })).status).toBe(403);
  expect((await server.request('/events', { as: null })).status).toBe(401);
  expect((await server.request('/events?nothing=1')).status).toBe(400);
});

test('the line of a log reaches nobody but the owner, even of a task that was there before the first reader', async () => {
  const server = await startApiServer({ tasks: createTestManager({ maxConcurrentTasks: 1 }) });
  server.tasks.pause();
  const task = await server.tasks.submit('fault', { input: { action: 'chatter', messages: 1 }, owner: 'ann' });
  const ann = await readEvents(server, '/events', { as: 'ann' });
  const ben = await readEvents(server, '/events', { as: 'ben' });
  for (const reader of [ann, ben]) await reader.until('ready');
  const last = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ben' });
  server.tasks.resume();
  expect(await ann.until('log')).toMatchObject({ data: { task_id: task.id, text: 'message 0' } });
  await ben.until('completed');
  expect(new Set(ben.events.slice(1).map(({ data }) => (data as { task_id: string }).task_id))).toEqual(
    new Set([last.id]),
  );
});

test('filters by group and type', async () => {
  const server = await startApiServer();
  const group = await readEvents(server, '/events?group=g');
  const type = await readEvents(server, '/events?task_type=items');
  for (const reader of [group, type]) await reader.until('ready');
  const owner = 'ann';
  const other = await server.tasks.submit('fault', { input: { action: 'echo' }, owner });
  await other.settled();
  const grouped = await server.tasks.submit('fault', { input: { action: 'echo' }, owner, group: 'g' });
  await grouped.settled();
  const typed = await server.tasks.submit('items', { input: {}, items: [], owner } as never);
  await typed.settled();
  await group.until('completed');
  await type.until((event) => event.event === 'completed' || event.event === 'failed');
  for (const [reader, id] of [
    [group, grouped.id],
    [type, typed.id],
  ] as const) {
    for (const { data } of reader.events.slice(1)) expect(data).toMatchObject({ task_id: id });
  }
});

test.for(['unknown-12', 'garbage', 'x'.repeat(2_000), '-', '-1'])(
  'a place that is not known is a reset: %s',
  async (lastEventId) => {
    const server = await startApiServer();
    const gate = new Gate();
    const task = await server.tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
    await gate.arrived();
    const all = await readEvents(server, '/events', { lastEventId });
    const one = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId });
    const reset = await all.until('reset');
    expect(reset).toEqual({ event: 'reset', id: expect.any(String), data: { reason: 'unknown' } });
    expect(await one.until('snapshot')).toMatchObject({ data: { task_id: task.id } });
    expect(names(one).slice(0, 2)).toEqual(['reset', 'snapshot']);
    gate.open();
    await one.until('completed');
    await all.until('completed');
    // From there it goes on as from any other.
    const again = await readEvents(server, '/events', { lastEventId: reset.id });
    await again.until('completed');
    expect(names(again)).not.toContain('reset');
  },
);

test('an id that is ahead of all events is no place', async () => {
  const server = await startApiServer();
  const reader = await readEvents(server, '/events');
  const { id } = await reader.until('ready');
  const ahead = await readEvents(server, '/events', { lastEventId: `${id}9` });
  expect(await ahead.until('reset')).toMatchObject({ data: { reason: 'unknown' } });
});

test('a gap that is too old is a reset', async () => {
  const server = await startApiServer({
    api: { authenticate: () => ({ owner: 'ann' }), events: { replayBytes: 1, maxBehindBytes: 1 } },
  });
  const reader = await readEvents(server, '/events');
  const { id } = await reader.until('ready');
  const task = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' });
  await task.settled();
  const all = await readEvents(server, '/events', { lastEventId: id });
  expect(await all.until('reset')).toMatchObject({ data: { reason: 'expired' } });
  const one = await readEvents(server, `/tasks/${task.id}/events`, { lastEventId: id });
  expect(await one.over).toBe('ended');
  expect(one.events).toMatchObject([
    { event: 'reset', id: null, data: { reason: 'expired' } },
    { event: 'snapshot', data: { status: 'completed' } },
  ]);
});

test('shows that it is alive by the clock, and tells when to come back', async () => {
  const clock = new ManualClock();
  const server = await startApiServer({
    api: { types: [], authenticate: () => ({ owner: 'ann' }), clock, events: { heartbeatMs: 5_000 } },
  });
  const reader = await readEvents(server, '/events');
  await reader.until('ready');
  clock.advance(4_999);
  expect(reader.comments()).toBe(0);
  clock.advance(1);
  await reader.untilComments(1);
  clock.advance(5_000);
  await reader.untilComments(2);
  expect(reader.comments()).toBe(2);
  expect(reader.lastEventId()).toBe(reader.events[0]?.id);
  const raw = await server.request('/events');
  const { value } = (await raw.body?.getReader().read()) ?? {};
  expect(new TextDecoder().decode(value)).toMatch(/^retry: 1000\n\nid: .*\nevent: ready\ndata: \{\}\n\n$/);
});

test('one timer serves all readers, and none is left when they have gone', async () => {
  const clock = new ManualClock();
  const server = await startApiServer({ api: { authenticate: () => ({ owner: 'ann' }), clock } });
  expect(clock.timers).toBe(0);
  const readers = [];
  for (let at = 0; at < 3; at++) readers.push(await readEvents(server, '/events'));
  expect(clock.timers).toBe(1);
  for (const reader of readers) reader.leave();
  await Promise.all([...server.sockets].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
  expect(clock.timers).toBe(0);
});

test('refuses more streams than an owner may hold with 429, and takes one again when one has gone', async () => {
  const server = await startApiServer({
    api: {
      types: [],
      maxHeldPerOwner: 2,
      authenticate: (request) => ({ owner: request.headers.get('authorization') ?? '' }),
    },
  });
  const first = await readEvents(server, '/events');
  await readEvents(server, '/events');
  const refused = await server.request('/events');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect((await readEvents(server, '/events', { as: 'ben' })).response.status).toBe(200);
  const [socket] = server.sockets;
  const closed = new Promise((resolve) => socket?.on('close', resolve));
  first.leave();
  await closed;
  expect((await readEvents(server, '/events')).response.status).toBe(200);
});

test('HEAD holds nothing', async () => {
  const server = await startApiServer({
    api: { types: [], maxHeldPerOwner: 1, authenticate: () => ({ owner: 'ann' }) },
  });
  for (let at = 0; at < 3; at++) {
    const answer = await server.request('/events', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
  }
});

test('close() ends all streams in order, after what there is to tell', async () => {
  const server = await startApiServer();
  const all = await readEvents(server, '/events', { as: 'ops' });
  await all.until('ready');
  server.tasks.pause();
  const task = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' });
  const one = await readEvents(server, `/tasks/${task.id}/events`);
  const idle = await readEvents(server, '/events', { as: 'ben' });
  await one.until('snapshot');
  await server.tasks.close({ timeoutMs: 0 });
  server.api.close();
  for (const reader of [all, one, idle]) expect(await reader.over).toBe('ended');
  expect(names(all)).toEqual(['ready', 'submitted', 'cancelled']);
  expect(names(one)).toEqual(['snapshot', 'cancelled']);
  expect((await server.request('/events')).status).toBe(503);
  for (const event of ['submitted', 'completed', 'log', 'progress'] as const) {
    expect(server.tasks.listenerCount(event)).toBe(0);
  }
});

test('a manager without readers does no work for streams', async () => {
  const server = await startApiServer();
  const task = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ann' });
  await task.settled();
  expect(server.tasks.listenerCount('submitted')).toBe(0);
  const reader = await readEvents(server, '/events');
  await reader.until('ready');
  expect(server.tasks.listenerCount('submitted')).toBe(1);
  expect(server.tasks.listenerCount('progress')).toBe(1);
});

test('the streams stand in the OpenAPI document', async () => {
  const server = await startApiServer();
  const document = (await (await server.request('/openapi.json')).json()) as { paths: Record<string, unknown> };
  for (const path of ['/api/v1/events', '/api/v1/tasks/{task_id}/events']) {
    expect(document.paths[path]).toMatchObject({
      get: { responses: { 200: { content: { 'text/event-stream': {} } } } },
    });
  }
});

async function recordOf(server: Awaited<ReturnType<typeof startApiServer>>, id: string): Promise<unknown> {
  const answer = (await (await server.request(`/tasks/${id}`)).json()) as { result: unknown };
  return answer.result;
}
