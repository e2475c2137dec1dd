import { once } from 'node:events';
import {
  type ClientRecord,
  type StreamRetry,
  type TaskClient,
  type TaskClientOptions,
  type WireEvent,
  createTaskClient,
} from 'treadle/client';
import { createTaskApi } from 'treadle/http';
import { taskMetrics } from 'treadle/metrics';
import { describe, expect, it } from 'vitest';
import { throwDice } from '../crash/dice.js';
import { type ApiServer, KEYS, startApiServer } from '../http/live-server.js';
import { createTestManager, type testTypes } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';

type Types = ReturnType<typeof testTypes>;

/** A client that comes back without a delay. */
function clientOf({ origin }: ApiServer, reconnect: TaskClientOptions['reconnect'] = {}): TaskClient<Types> {
  return createTaskClient<Types>({
    url: origin,
    key: KEYS.ann,
    random: () => 0,
    reconnect: { maxAttempts: Infinity, ...reconnect },
  });
}

/** Resolves when the server gets the next request for an event stream. */
async function nextStream({ server }: ApiServer): Promise<void> {
  for (;;) {
    const [{ url }] = (await once(server, 'request')) as [{ url: string }];
    if (url.endsWith('/events')) return;
  }
}

/** The tasks that events tell of. */
async function idsOf(events: AsyncGenerator<WireEvent>): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { data } of events) if ('task_id' in data) ids.add(data.task_id);
  return ids;
}

async function recordsOf<Result>(watch: AsyncGenerator<ClientRecord<Result>>): Promise<ClientRecord<Result>[]> {
  const records: ClientRecord<Result>[] = [];
  for await (const record of watch) records.push(record);
  return records;
}

function held(server: ApiServer, gate: Gate) {
  return server.tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer }, owner: 'ann' });
}

describe('wait', () => {
  it('gives the final record, with the result as the type has it', async () => {
    const ann = clientOf(await startApiServer());
    const record = await (await ann.submit('items', { items: [1, 2, 3] })).wait();
    expect(record).toMatchObject({ status: 'completed', result: [2, 4, 6], items_done: 3, error: null });
  });

  it('ends though a listener at the server throws', async () => {
    const server = await startApiServer();
    server.tasks.on('listenerError', () => {});
    server.tasks.on('completed', () => {
      throw new Error('a listener failed');
    });
    const gate = new Gate();
    const { id } = await held(server, gate);
    const over = clientOf(server).wait(id, { timeoutMs: 10_000 });
    await nextStream(server);
    gate.open();
    expect(await over).toMatchObject({ status: 'completed' });
  });

  it('gives that of a task that failed, or was cancelled, too', async () => {
    const server = await startApiServer();
    const ann = clientOf(server);
    const failing = await ann.submit('fault', { input: { action: 'throw' } });
    expect(await failing.wait()).toMatchObject({ status: 'failed', error: 'out of range', error_code: 'TASK_FAILED' });
    server.tasks.pause();
    const pending = await ann.submit('items', { items: [1] });
    const waiting = pending.wait();
    await nextStream(server);
    await pending.cancel();
    expect(await waiting).toMatchObject({ status: 'cancelled', result: null });
  });

  it('gives that of a task that settled long ago', async () => {
    const server = await startApiServer();
    const handle = await server.tasks.submit('items', { items: [1], owner: 'ann' });
    await handle.settled();
    const ann = clientOf(server);
    expect(await ann.wait(handle.id)).toMatchObject({ status: 'completed', result: [2] });
    expect(await recordsOf(ann.watch(handle.id))).toEqual([await ann.get(handle.id)]);
  });

  it('fails with NOT_FOUND for a task that is not there, or another owner’s', async () => {
    const server = await startApiServer();
    const gate = new Gate();
    const { id } = await held(server, gate);
    const ben = createTaskClient({ url: server.origin, key: KEYS.ben });
    await expect(ben.wait(id)).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
    await expect(clientOf(server).wait('nope')).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
    gate.open();
  });

  it('lets go of the connection when it is given up', async () => {
    const server = await startApiServer({ api: { maxHeldPerOwner: 1 } });
    const gate = new Gate();
    const { id } = await held(server, gate);
    const ann = clientOf(server);
    for (let time = 0; time < 5; time++) {
      const controller = new AbortController();
      const waiting = ann.wait(id, { signal: controller.signal });
      const [{ socket }] = (await once(server.server, 'request')) as [{ socket: NodeJS.EventEmitter }];
      const closed = once(socket, 'close');
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
      await closed;
    }
    gate.open();
    expect(await ann.wait(id)).toMatchObject({ status: 'completed' });
  });
});

describe('watch', () => {
  it('gives the present record first, each change, and the final one last', async () => {
    const server = await startApiServer();
    server.tasks.pause();
    const gate = new Gate();
    const { id } = await held(server, gate);
    const statuses: string[] = [];
    for await (const { status, task_id: of } of clientOf(server).watch(id)) {
      expect(of).toBe(id);
      if (statuses.at(-1) !== status) statuses.push(status);
      if (status === 'pending') server.tasks.resume();
      if (status === 'running') gate.open();
    }
    expect(statuses).toEqual(['pending', 'running', 'completed']);
  });
});

describe('events', () => {
  it('tell of all tasks of the caller, or of those of a type or group', async () => {
    const server = await startApiServer();
    const ann = clientOf(server);
    const controller = new AbortController();
    const { signal } = controller;
    const all: Promise<Set<string>>[] = [];
    for (const filter of [{}, { type: 'fault' }, { group: 'g' }]) {
      const stream = ann.events({ signal, ...filter });
      expect(await stream.next()).toMatchObject({ value: { event: 'ready' } });
      all.push(idsOf(stream));
    }
    const grouped = await ann.submit('items', { items: [1], group: 'g' });
    const other = await ann.submit('items', { items: [1] });
    const fault = await ann.submit('fault', { input: { action: 'echo' } });
    const foreign = await server.tasks.submit('fault', { input: { action: 'echo' }, owner: 'ben', group: 'g' });
    await Promise.all([grouped.wait(), other.wait(), fault.wait(), foreign.settled()]);
    controller.abort();
    const [everything, ofType, ofGroup] = await Promise.all(all);
    expect(everything).toEqual(new Set([grouped.id, other.id, fault.id]));
    expect(ofType).toEqual(new Set([fault.id]));
    expect(ofGroup).toEqual(new Set([grouped.id]));
  });
});

describe('over connections that break', () => {
  it('a task is followed to its end, broken 50 times', async () => {
    const server = await startApiServer();
    const gate = new Gate();
    const { id } = await held(server, gate);
    const retries: StreamRetry[] = [];
    const ann = clientOf(server, { onRetry: (retry) => retries.push(retry) });
    const connected = nextStream(server);
    const watching = recordsOf(ann.watch(id));
    await connected;
    const waiting = ann.wait(id);
    for (let time = 0; time < 50; time++) {
      const again = nextStream(server);
      server.disconnect();
      await again;
    }
    gate.open();
    const last = await waiting;
    expect(last).toMatchObject({ task_id: id, status: 'completed', result: 1 });
    expect((await watching).at(-1)).toEqual(last);
    expect(retries.length).toBeGreaterThanOrEqual(50);
  });

  it('no end of a task is lost, whenever they break', async () => {
    const server = await startApiServer();
    const ann = clientOf(server);
    const dice = throwDice();
    const tasks: Awaited<ReturnType<typeof ann.submit<'items'>>>[] = [];
    server.tasks.pause();
    for (let at = 0; at < 60; at++) tasks.push(await ann.submit('items', { items: [at, at + 1] }));
    let breaks = 0;
    const breakWith = (probability: number) => () => {
      if (breaks === 100 || !dice.chance(probability)) return;
      breaks++;
      server.disconnect();
    };
    server.server.on('request', breakWith(0.05));
    server.tasks.on('completed', breakWith(0.5));
    const waiting = tasks.map((task) => task.wait());
    server.tasks.resume();
    const records = await Promise.all(waiting);
    expect(breaks).toBeGreaterThan(0);
    expect(records.map(({ status, result }) => [status, result])).toEqual(
      tasks.map((_, at) => ['completed', [at * 2, at * 2 + 2]]),
    );
  });

  it('no event of all tasks is told twice or lost', async () => {
    const server = await startApiServer();
    const retries: StreamRetry[] = [];
    const stream = clientOf(server, { onRetry: (retry) => retries.push(retry) }).events();
    expect(await stream.next()).toMatchObject({ value: { event: 'ready' } });
    const expected: string[] = [];
    for (const event of ['submitted', 'running', 'completed'] as const) {
      server.tasks.on(event, ({ id }) => expected.push(`${event} ${id}`));
    }
    const reading = (async () => {
      const seen: string[] = [];
      for await (const { event, data } of stream) {
        if (event === 'progress' || !('task_id' in data)) continue;
        seen.push(`${event} ${data.task_id}`);
        if (seen.length % 7 === 0) server.disconnect();
        if (seen.length === 90) break;
      }
      return seen;
    })();
    for (let at = 0; at < 30; at++) {
      const handle = await server.tasks.submit('items', { items: [at], owner: 'ann' });
      await handle.settled();
    }
    expect(await reading).toEqual(expected);
    expect(retries.length).toBeGreaterThan(0);
  });
});

describe('a server that comes back on its port', () => {
  it('ends what was waited for, and tells readers of all to list again', async () => {
    const first = await startApiServer();
    const gate = new Gate();
    const { id } = await held(first, gate);
    let onRefused = (): void => {};
    const refused = new Promise<void>((resolve) => (onRefused = resolve));
    const ann = clientOf(first, {
      onRetry: ({ error }) => {
        if (error.message.includes('ECONNREFUSED')) onRefused();
      },
    });
    const waiting = ann.wait(id);
    const controller = new AbortController();
    const stream = ann.events({ signal: controller.signal });
    expect(await stream.next()).toMatchObject({ value: { event: 'ready' } });
    await first.close();
    const next = stream.next();
    await refused;
    await startApiServer({ tasks: first.tasks, port: first.port });
    expect(await next).toMatchObject({ value: { event: 'reset', data: { reason: 'unknown' } } });
    controller.abort();
    gate.open();
    expect(await waiting).toMatchObject({ task_id: id, status: 'completed' });
  });

  it('says NOT_FOUND of a task that it has forgotten by then', async () => {
    const first = await startApiServer({ tasks: createTestManager({ history: { max: 0 } }) });
    const gate = new Gate();
    const handle = await held(first, gate);
    const waiting = clientOf(first).wait(handle.id);
    await nextStream(first);
    await first.close();
    gate.open();
    await handle.settled();
    await startApiServer({ tasks: first.tasks, port: first.port });
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });
});

describe('a client of an API in the same process', () => {
  it('lets go of a stream that it leaves, though there is no connection', async () => {
    const tasks = createTestManager();
    const metrics = taskMetrics(tasks);
    const api = createTaskApi(tasks, { metrics, allowUnauthenticated: true });
    const client = createTaskClient({
      url: 'http://localhost',
      fetch: async (url, init) => api.fetch(new Request(url, init)),
    });
    const openStreams = async (): Promise<unknown> => /^treadle_event_streams (\d+)$/m.exec(await metrics.text())?.[1];
    for await (const { event } of client.events()) {
      expect([event, await openStreams()]).toEqual(['ready', '1']);
      break;
    }
    expect(await openStreams()).toBe('0');
    api.close();
    metrics.close();
  });
});
