import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { StreamCounts } from '../../dist/http/options.js';
import { expect, onTestFinished, test } from 'vitest';
import { readEvents } from './event-reader.js';
import { type ApiServer, KEYS, authenticate, startApiServer } from './live-server.js';

const BODY = JSON.stringify({ task_type: 'fault', input: { action: 'echo' } });
const ANN = `host: 127.0.0.1\r\nauthorization: Bearer ${KEYS.ann}\r\n`;
const STREAM = `GET /api/v1/events HTTP/1.1\r\n${ANN}\r\n`;
const WAIT =
  `POST /api/v1/tasks?wait=true HTTP/1.1\r\n${ANN}content-type: application/json\r\n` +
  `content-length: ${BODY.length}\r\n\r\n${BODY}`;

/** Sends requests one after the other, without waiting for an answer. Returns the connection as the server has it. */
async function sendAll({ port, server }: ApiServer, requests: readonly string[]) {
  const connected = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.on('error', () => {});
  client.resume().write(requests.join(''));
  const [atServer] = (await connected) as [NodeJS.EventEmitter];
  const closed = once(atServer, 'close');
  return { client, closed };
}

/** A server on which an owner may hold three requests, and on which no task begins. */
async function startServer(api: NonNullable<Parameters<typeof startApiServer>[0]>['api'] = {}) {
  let streams: StreamCounts = { open: 0, dropped: 0, keptBytes: 0 };
  const metrics = {
    contentType: 'text/plain',
    text: () => Promise.resolve(''),
    addStreams: (counts: StreamCounts) => void (streams = counts),
  };
  const server = await startApiServer({ api: { maxHeldPerOwner: 3, metrics, ...api } });
  server.tasks.pause();
  const submitted = new Promise<void>((resolve) => server.tasks.once('submitted', () => resolve()));
  return { server, submitted, streams: () => streams };
}

async function expectAllFree(server: ApiServer): Promise<void> {
  for (let at = 0; at < 3; at++) {
    const reader = await readEvents(server, '/events');
    expect(reader.response.status).toBe(200);
    await reader.until('ready');
  }
}

test.each([
  ['two streams and a task that is waited for', [STREAM, STREAM, WAIT]],
  ['a task that is waited for, and more', [WAIT, STREAM, WAIT]],
])('%s on one connection are let go of with it', async (_, requests) => {
  const { server, streams } = await startServer();
  let waits = requests.filter((each) => each === WAIT).length;
  const all = new Promise<void>((resolve) => {
    server.tasks.on('submitted', () => {
      if (--waits === 0) resolve();
    });
  });
  const { client, closed } = await sendAll(server, requests);
  await all;
  expect((await server.request('/events')).status).toBe(429);
  client.destroy();
  await closed;
  expect([streams().open, streams().dropped]).toEqual([0, 0]);
  await expectAllFree(server);
});

test('so are those whose connection went while it was found out who asks', async () => {
  let known = (): void => {};
  const found = new Promise<void>((resolve) => (known = resolve));
  let asked = 0;
  let allAsked = (): void => {};
  const everybodyAsked = new Promise<void>((resolve) => (allAsked = resolve));
  const { server, submitted, streams } = await startServer({
    authenticate: async (who) => {
      if (++asked === 3) allAsked();
      await found;
      return authenticate(who);
    },
  });
  const { client, closed } = await sendAll(server, [STREAM, STREAM, WAIT]);
  await everybodyAsked;
  client.destroy();
  await closed;
  known();
  await submitted;
  await expectAllFree(server);
  expect(streams().open).toBe(3);
});

test('a connection that is used again and again keeps nothing of what was held on it', async () => {
  const { server } = await startServer();
  server.tasks.resume();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const listeners: number[] = [];
  server.server.on('request', ({ socket }) => listeners.push(socket.listenerCount('close')));
  const headers = { authorization: `Bearer ${KEYS.ann}`, 'content-type': 'application/json' };
  for (let at = 0; at < 20; at++) {
    const asked = request(`${server.origin}/api/v1/tasks?wait=true`, { method: 'POST', agent, headers }).end(BODY);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    expect([answer.statusCode, await text(answer)]).toEqual([200, expect.stringContaining('"completed"')]);
  }
  expect(server.sockets.size).toBe(1);
  expect(listeners.at(-1)).toBe(listeners.at(1));
});
