import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../dist/engine/clock.js';
import { EventLog } from '../../dist/http/event-log.js';
import { openingAt } from '../../dist/http/event-opening.js';
import { type Burst, EventStream } from '../../dist/http/event-stream.js';
import { ProgressBoard } from '../../dist/http/progress-board.js';
import { EventFeed } from '../../dist/http/event-feed.js';
import { resolveApiOptions } from '../../dist/http/options.js';
import { createTestManager } from '../support/test-manager.js';
import { readEvents } from './event-reader.js';
import { type ApiServer, KEYS, startApiServer } from './live-server.js';

// More than the kernel keeps for a connection that nobody reads: 18 MB.
const TASKS = 300;
const VALUE = 'x'.repeat(60_000);

/** A reader that takes the head of its stream and then nothing more. */
async function stalled({ port }: ApiServer, path: string): Promise<{ socket: Socket; head: string }> {
  const socket = connect(port, '127.0.0.1');
  const lines = [`GET /api/v1${path} HTTP/1.1`, 'host: 127.0.0.1', `authorization: Bearer ${KEYS.ann}`, '', ''];
  socket.write(lines.join('\r\n'));
  let head = '';
  while (!head.includes('event: ')) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    head += data.toString();
  }
  socket.pause();
  return { socket, head };
}

async function submitAll({ tasks }: ApiServer): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < TASKS; at++) {
    const task = await tasks.submit('fault', { input: { action: 'echo', value: VALUE }, owner: 'ann' });
    ids.push(task.id);
    await task.settled();
  }
  return ids;
}

test('a reader that does not take anything is dropped, costs no memory, and keeps nobody waiting', async () => {
  const server = await startApiServer({ api: { events: { maxBehindBytes: 200_000, replayBytes: 64 * 2 ** 20 } } });
  const first = await readEvents(server, '/events');
  const second = await readEvents(server, '/events');
  for (const reader of [first, second]) await reader.until('ready');
  const known = new Set(server.sockets);
  const { socket, head } = await stalled(server, '/events');
  const connection = [...server.sockets].find((other) => !known.has(other));
  if (connection === undefined) throw new Error('There is no connection');
  const dropped = once(connection, 'close');
  let mostBuffered = 0;
  server.tasks.on('completed', () => {
    mostBuffered = Math.max(mostBuffered, connection.writableLength);
  });
  const ids = await submitAll(server);
  await dropped;
  // One piece, with its last frame, is what waits at the connection.
  expect(mostBuffered).toBeLessThan(200_000);
  const completed = (reader: typeof first): string[] =>
    reader.events.flatMap(({ event, data }) => (event === 'completed' ? [data.task_id] : []));
  for (const reader of [first, second]) {
    await reader.until((event) => event.event === 'completed' && event.data.task_id === ids.at(-1));
    expect(completed(reader)).toEqual(ids);
  }
  // It comes back to its place, and is given all that it missed at its own pace.
  socket.destroy();
  const again = await readEvents(server, '/events', { lastEventId: /^id: (.*)$/m.exec(head)?.[1] ?? null });
  await again.until((event) => event.event === 'completed' && event.data.task_id === ids.at(-1));
  expect(completed(again)).toEqual(ids);
  expect(again.events[0]?.event).toBe('submitted');
});

test('a burst is not the reader’s fault: who takes everything gets everything', async () => {
  const server = await startApiServer({ api: { events: { maxBehindBytes: 1_000 } } });
  const reader = await readEvents(server, '/events', { as: 'ops' });
  await reader.until('ready');
  server.tasks.pause();
  const submitted = Array.from({ length: 1_000 }, () => server.tasks.submit('fault', { input: { action: 'echo' } }));
  const ids = (await Promise.all(submitted)).map(({ id }) => id);
  await reader.until((event) => event.event === 'submitted' && event.data.task_id === ids.at(-1));
  expect(reader.events.slice(1).map(({ data }) => (data as { task_id: string }).task_id)).toEqual(ids);
});

describe('a burst', () => {
  /** A stream whose reader may be 50,000 bytes behind, and what adds 20,000 to the log. */
  function opened() {
    const log = new EventLog(2 ** 20);
    const progress = new ProgressBoard(systemClock, 100, () => {});
    const stream = new EventStream({ log, progress }, openingAt(0), {
      filter: { taskId: null, owner: null, type: null, group: null },
      maxBehindBytes: 50_000,
      reopen: () => openingAt(0),
      breakConnection: null,
      onOver: () => {},
    });
    const subject = { taskId: 't', type: 'x', owner: null, group: null };
    const say = (burst: Burst = { bytes: 0 }): boolean => {
      const line = { task_id: 't', task_type: 'x', at: 1, text: 'x'.repeat(20_000) };
      return stream.onEntry(log.append('log', line, subject, false), burst);
    };
    return { body: stream.body.getReader(), say };
  }

  test('does not count as being behind while the reader takes it', async () => {
    const { body, say } = opened();
    const first = body.read();
    await Promise.resolve();
    for (let at = 0; at < 20; at++) say();
    await first;
    // It has taken a part. Of what is added now it may leave so much, and one more.
    expect([say(), say(), say()]).toEqual([true, true, true]);
    // More than that at once says nothing about the reader either.
    expect([say({ bytes: 50_001 }), say(), say(), say(), say()]).toEqual([true, true, true, true, false]);
  });

  test('is not held against a reader a second time only where it has taken something since', async () => {
    const { body, say } = opened();
    const burst = (): boolean[] => {
      const one = { bytes: 60_000 };
      return Array.from({ length: 10 }, () => say(one));
    };
    const first = body.read();
    await Promise.resolve();
    expect(burst()).not.toContain(false);
    await first;
    await body.read();
    expect(burst()).not.toContain(false);
    // Nothing is taken now.
    expect(burst()).toContain(false);
  });
});

test('when the API closes, a reader that takes nothing is given up soon', async () => {
  let fire = (): void => {};
  const clock = {
    ...systemClock,
    after: (ms: number, after: () => void): (() => void) => {
      expect(ms).toBe(1_000);
      fire = after;
      return () => {};
    },
  };
  const server = await startApiServer({ api: { clock, events: { progressEveryMs: 0, maxBehindBytes: 2 ** 30 } } });
  const { socket } = await stalled(server, '/events');
  const reader = await readEvents(server, '/events');
  await reader.until('ready');
  await submitAll(server);
  const [connection] = server.sockets;
  if (connection === undefined) throw new Error('There is no connection');
  const gone = once(connection, 'close');
  server.api.close();
  expect(await reader.over).toBe('ended');
  expect(connection.destroyed).toBe(false);
  fire();
  await gone;
  socket.destroy();
});

test('a reader of which only the body is known is told by an error, and counted', async () => {
  const tasks = createTestManager();
  const feed = new EventFeed(tasks, resolveApiOptions({ events: { maxBehindBytes: 5_000, replayBytes: 5_000 } }, []));
  let over = 0;
  const filter = { taskId: null, owner: null, type: null, group: null };
  const request = { filter, lastEventId: null, breakConnection: null, onOver: () => over++ };
  const body = feed.stream(request, null)?.getReader();
  await body?.read();
  expect([feed.open, feed.dropped]).toEqual([1, 0]);
  for (let at = 0; at < 20; at++) await tasks.submit('fault', { input: { action: 'echo' } }).then((t) => t.settled());
  await expect(body?.read()).rejects.toThrow('too slow');
  expect([feed.open, feed.dropped, over]).toEqual([0, 1, 1]);
});

test('the log ends when nobody reads, and nobody could come back', async () => {
  const tasks = createTestManager();
  const feed = new EventFeed(tasks, resolveApiOptions({ events: { maxBehindBytes: 1, replayBytes: 5_000 } }, []));
  const filter = { taskId: null, owner: null, type: null, group: null };
  const request = { filter, lastEventId: null, breakConnection: null, onOver: () => {} };
  const body = feed.stream(request, null)?.getReader();
  const { value } = (await body?.read()) ?? {};
  await body?.cancel();
  const run = async (): Promise<void> => {
    const task = await tasks.submit('fault', { input: { action: 'chatter', messages: 1 } });
    await task.settled();
  };
  await run();
  expect([feed.open, feed.keptBytes > 0, tasks.listenerCount('submitted'), tasks.listenerCount('progress')]).toEqual([
    0,
    true,
    1,
    0,
  ]);
  for (let at = 0; at < 10; at++) await run();
  expect([feed.keptBytes, tasks.listenerCount('submitted'), tasks.listenerCount('log')]).toEqual([0, 0, 0]);
  const lastEventId = /^id: (.*)$/m.exec(Buffer.from(value ?? []).toString())?.[1] ?? '';
  const again = feed.stream({ ...request, lastEventId }, null)?.getReader();
  expect(Buffer.from((await again?.read())?.value ?? []).toString()).toContain('event: reset');
  feed.close();
});
