import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { openStore } from 'treadle/store';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryPath } from '../support/memories.js';
import { lock } from './database-lock.js';
import { type Answer, ServerProcess } from './server-process.js';

const TASKS = '/api/v1/tasks';
const SUBMISSION = {
  task_type: 'embed_batch',
  input: { userId: 'ann', contents: ['A loom weaves cloth.', 'The treadle drives the loom.', 'Cats sleep all day.'] },
};
const JSON_TYPE = { 'content-type': 'application/json' };

describe.each(['hono', 'express', 'fastify', 'node-http'])('examples/task-api/%s.js', (name) => {
  const start = (env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> =>
    ServerProcess.start(`examples/task-api/${name}.js`, { DATABASE: temporaryPath(), ...env });

  it('takes tasks, says how far they are, and answers its own routes', async () => {
    const server = await start();
    const { status, headers, body } = await server.post(TASKS, SUBMISSION);
    expect([status, body]).toEqual([
      202,
      { status: 'ok', result: { task_id: body.result.task_id, status: 'accepted' } },
    ]);
    const path = headers.get('location') ?? '';
    expect(path).toBe(`${TASKS}/${body.result.task_id}`);
    expect(await settled(server, path)).toMatchObject({
      status: 'completed',
      progress: 1,
      items_total: 3,
      result: { stored: 3, skipped: 0 },
    });
    const { result: listed } = (await server.get(`${TASKS}?status=completed&limit=1`)).body;
    expect(listed).toMatchObject([{ task_id: body.result.task_id, task_type: 'embed_batch' }]);
    expectRefused(await server.post(`${path}/cancel`, ''), 412, 'FAILED_PRECONDITION');
    expectRefused(await server.get(`${TASKS}/none`), 404, 'NOT_FOUND');
    expectRefused(await server.post(TASKS, { ...SUBMISSION, task_type: 'none' }), 400, 'INVALID_ARGUMENT');
    expect(await server.get('/hello')).toMatchObject({ status: 200, body: { hello: 'world' } });
    expect((await fetch(`${server.url}/none`)).status).toBe(404);
  });

  it('knows callers by their keys, and shows none of them the tasks of another', async () => {
    const [ann, bob, operator] = ['ann', 'bob', 'operator'].map((who) => ({
      authorization: `Bearer ${who}-${'k'.repeat(20)}`,
    }));
    const keyOf = (headers: { authorization: string } | undefined): string => headers?.authorization.slice(7) ?? '';
    const server = await start({ KEY_ANN: keyOf(ann), KEY_BOB: keyOf(bob), OPERATOR_KEY: keyOf(operator) });
    const denied = await server.get(TASKS);
    expectRefused(denied, 401, 'UNAUTHENTICATED');
    expect(denied.headers.get('www-authenticate')).toBe('Bearer');
    expectRefused(await server.post(TASKS, SUBMISSION), 401, 'UNAUTHENTICATED');
    const path = (await server.post(TASKS, SUBMISSION, ann)).headers.get('location') ?? '';
    expect((await server.get(path, ann)).status).toBe(200);
    expect((await server.get(path, operator)).status).toBe(200);
    expectRefused(await server.get(path, bob), 404, 'NOT_FOUND');
    expect((await server.get(TASKS, bob)).body.result).toEqual([]);
    expect((await server.get('/hello')).status).toBe(200);
  });

  it('refuses what it can not read in the envelope, and leaves other routes their parsers', async () => {
    const server = await start();
    const send = async (
      body: string | ReadableStream,
      headers: Record<string, string> = JSON_TYPE,
      method: 'POST' | 'PUT' = 'POST',
    ): Promise<Answer> => {
      // A stream goes in chunks, without a length.
      const response = await fetch(server.url + TASKS, { method, headers, body, duplex: 'half' });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    const large = JSON.stringify({ ...SUBMISSION, meta: 'x'.repeat(2 ** 20) });
    expectRefused(await send('{'), 400, 'INVALID_ARGUMENT');
    expectRefused(await send('[]'), 400, 'INVALID_ARGUMENT');
    expectRefused(await send(''), 400, 'INVALID_ARGUMENT');
    expectRefused(await send('{}', { 'content-type': 'text/plain' }), 415, 'INVALID_ARGUMENT');
    expectRefused(await send('{}', JSON_TYPE, 'PUT'), 405, 'INVALID_ARGUMENT');
    for (const body of [large, streamOf(large)]) {
      const refused = await send(body);
      expectRefused(refused, 413, 'INVALID_ARGUMENT');
      expect(refused.body.error.details).toEqual({ max_bytes: 2 ** 20 });
    }
    expect((await send(streamOf(JSON.stringify(SUBMISSION)))).status).toBe(202);
    const head = await fetch(server.url + TASKS, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    if (name === 'express' || name === 'fastify') {
      expect((await server.post('/hello', { name: 'ann' })).body).toEqual({ hello: 'ann' });
    }
  });

  it('answers requests that were sent at once in their order', async () => {
    const server = await start();
    const socket = open(server);
    const body = JSON.stringify({ ...SUBMISSION, task_type: 'none' });
    const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`;
    const all = [
      get(TASKS),
      `${requestHead(`content-length: ${body.length}`)}${body}`,
      get('/hello', 'connection: close\r\n'),
    ];
    let answers = '';
    socket.on('data', (part: string) => (answers += part)).write(all.join(''));
    await once(socket, 'close');
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400', 'HTTP/1.1 200']);
    expect(answers).toMatch(/\{"hello":"world"\}$/);
  });

  it('goes on when clients go away in the middle of what they send', async () => {
    const server = await start();
    for (const length of ['content-length: 100', 'transfer-encoding: chunked']) {
      const socket = await begin(server, length);
      const part = length.startsWith('content') ? '{"a":' : '5\r\n{"a":\r\n';
      socket.write(part, () => socket.destroy());
      await once(socket, 'close');
    }
    expect((await server.get('/hello')).status).toBe(200);
    expect((await server.post(TASKS, SUBMISSION)).status).toBe(202);
    server.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 0, signal: null, errors: '' });
  });

  it('streams what happens to tasks, until the task or the server ends', async () => {
    const path = temporaryPath();
    const server = await start({ DATABASE: path });
    const all = await follow(server, '/api/v1/events');
    const gone = await follow(server, '/api/v1/events');
    const unlock = lock(path);
    const task = (await server.post(TASKS, SUBMISSION)).headers.get('location') ?? '';
    const one = await follow(server, `${task}/events`);
    await Promise.all(
      [one, gone].map((reader) => reader.event((event) => event.data.includes(task.split('/').at(-1) ?? ''))),
    );
    await gone.stop();
    unlock();
    const last = await one.event(({ event }) => event === 'completed');
    expect(JSON.parse(last.data)).toMatchObject({ status: 'completed', result: { stored: 3, skipped: 0 } });
    await one.event(null);
    const relock = lock(path);
    const second = await server.post(TASKS, { ...SUBMISSION, input: { ...SUBMISSION.input, userId: 'bob' } });
    await all.event(({ event, data }) => event === 'running' && data.includes(second.body.result.task_id));
    server.kill('SIGTERM');
    await server.line(/^Stopping$/);
    relock();
    await all.event(({ event, data }) => event === 'completed' && data.includes(second.body.result.task_id));
    await all.event(null);
    expect(await server.ended).toEqual({ code: 0, signal: null, errors: '' });
  });

  it('on SIGTERM takes no more tasks, lets those that run end, and ends with 0', async () => {
    const path = temporaryPath();
    const server = await start({ DATABASE: path });
    const unlock = lock(path);
    const task = (await server.post(TASKS, SUBMISSION)).headers.get('location') ?? '';
    const waiting = server.post(`${TASKS}?wait=true`, { ...SUBMISSION, input: { ...SUBMISSION.input, userId: 'bob' } });
    while ((await server.get(`${TASKS}?status=running`)).body.result.length < 2);
    server.kill('SIGTERM');
    await server.line(/^Stopping$/);
    const refused = await server.post(TASKS, SUBMISSION);
    expectRefused(refused, 503, 'UNAVAILABLE');
    expect([refused.headers.get('retry-after'), refused.headers.get('connection')]).toEqual(['1', 'close']);
    expect((await server.get(task)).body.result).toMatchObject({ status: 'running' });
    unlock();
    expect((await waiting).body.result).toMatchObject({ status: 'completed', result: { stored: 3, skipped: 0 } });
    expect(await server.ended).toEqual({ code: 0, signal: null, errors: '' });
    const store = openStore({ path });
    onTestFinished(() => store.close());
    expect(store.count('ann')).toBe(3);
  });

  it('ends though a client does not end its request', async () => {
    const server = await start();
    const socket = await begin(server, 'content-length: 100');
    const closed = once(socket, 'close');
    server.kill('SIGINT');
    await closed;
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });
});

function expectRefused({ status, body }: Answer, expected: number, code: string): void {
  const { message, details } = body.error ?? {};
  expect({ status, body }).toEqual({ status: expected, body: { status: 'error', error: { code, message, details } } });
  expect([typeof message, typeof details]).toEqual(['string', 'object']);
}

/** The task at this path once it has settled; asks again and again until the test's time is over. */
async function settled(server: ServerProcess, path: string): Promise<unknown> {
  for (;;) {
    const { status, body } = await server.get(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    if (body.result.completed_at !== null) return body.result;
  }
}

/** A stream of events as it is read: `event` skips to the first that is so, or with null to the end. */
async function follow(
  server: ServerProcess,
  path: string,
): Promise<{
  event(wanted: ((event: EventSourceMessage) => boolean) | null): Promise<EventSourceMessage>;
  stop(): Promise<void>;
}> {
  const response = await fetch(server.url + path);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const reader = (response.body ?? streamOf(''))
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  return {
    event: async (wanted) => {
      for (let last: EventSourceMessage = { id: undefined, event: undefined, data: '' }; ;) {
        const { done, value } = await reader.read();
        if (done && wanted !== null) throw new Error(`Ended after ${last.event} ${last.data}`);
        if (done || wanted?.(value) === true) return value ?? last;
        last = value;
      }
    },
    stop: () => reader.cancel(),
  };
}

function streamOf(text: string): ReadableStream {
  return new Blob([text]).stream();
}

function requestHead(...headers: readonly string[]): string {
  return `${[`POST ${TASKS} HTTP/1.1`, 'host: localhost', 'content-type: application/json', ...headers].join('\r\n')}\r\n\r\n`;
}

function open(server: ServerProcess): Socket {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** A connection with a request that the server has begun with, and waits for the body of. */
async function begin(server: ServerProcess, length: string): Promise<Socket> {
  const socket = open(server);
  socket.on('error', () => {});
  // The server has begun with it when it says `continue`.
  socket.write(requestHead('expect: 100-continue', length));
  await once(socket, 'data');
  return socket;
}
