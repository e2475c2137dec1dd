import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TaskClientError, type TaskClientOptions, createTaskClient } from 'treadle/client';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { KEYS, startApiServer } from '../http/live-server.js';
import { startScriptedServer } from './scripted-server.js';

const KEY = 'a-key-that-must-stay-hidden';

/** What a call fails with. */
async function errorOf(call: Promise<unknown>): Promise<TaskClientError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TaskClientError);
  return error as TaskClientError;
}

/** All that somebody may print of an error. */
function allOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = JSON.stringify(error, Object.getOwnPropertyNames(error));
  return `${String(error)} ${error.stack} ${own} ${allOf(error.cause)}`;
}

describe('what the server refuses', () => {
  it('is an error with its code, status and details', async () => {
    const { origin, tasks } = await startApiServer();
    const client = createTaskClient({ url: origin, key: KEYS.ann });
    expect(await errorOf(client.get('nope'))).toMatchObject({
      code: 'NOT_FOUND',
      status: 404,
      message: 'Task not found or expired',
      details: { resource: 'nope', type: 'task' },
      retryAfterSeconds: null,
    });
    expect(await errorOf(client.submit('unheard_of'))).toMatchObject({ code: 'INVALID_ARGUMENT', status: 400 });
    expect(await errorOf(client.pause())).toMatchObject({ code: 'PERMISSION_DENIED', status: 403 });
    expect(await errorOf(createTaskClient({ url: origin }).stats())).toMatchObject({
      code: 'UNAUTHENTICATED',
      status: 401,
    });
    tasks.pause();
    const first = await client.submit('items', { items: [1], resourceId: 'one' });
    expect(await errorOf(client.submit('items', { items: [1], resourceId: 'one' }))).toMatchObject({
      code: 'CONFLICT',
      status: 409,
      details: { task_id: first.id },
    });
    await first.cancel();
    expect(await errorOf(first.rerun())).toMatchObject({ code: 'FAILED_PRECONDITION', status: 412 });
  });

  it('tells how long to wait', async () => {
    const { origin, api, tasks } = await startApiServer({ api: { rateLimit: { requests: 1, perMs: 60_000 } } });
    const client = createTaskClient({ url: origin, key: KEYS.ann });
    await client.stats();
    const limited = await errorOf(client.stats());
    expect(limited).toMatchObject({ code: 'RESOURCE_EXHAUSTED', status: 429 });
    expect(limited.retryAfterSeconds).toBeGreaterThan(0);
    api.close();
    expect(await errorOf(client.stats())).toMatchObject({ code: 'UNAVAILABLE', status: 503, retryAfterSeconds: 1 });
    expect(tasks.stats().total).toBe(0);
  });

  it('may tell it as a date', async () => {
    const clock = new ManualClock(Date.parse('2030-01-01T00:00:00Z'));
    const { client, next } = await startScriptedServer({ clock });
    const failing = errorOf(client.stats());
    const { response } = await next();
    response.writeHead(503, { 'retry-after': 'Tue, 01 Jan 2030 00:01:30 GMT' }).end('<h1>Back soon</h1>');
    expect(await failing).toMatchObject({ code: 'BAD_ANSWER', status: 503, retryAfterSeconds: 90 });
  });
});

describe('an answer that is none of the task API', () => {
  const answers: readonly [what: string, status: number, headers: Record<string, string>, body: string][] = [
    ['a page of a proxy', 502, { 'content-type': 'text/html' }, '<html>\n  <h1>Bad Gateway</h1>\n</html>'],
    ['a page with status 200', 200, { 'content-type': 'text/html' }, '<html>Please log in</html>'],
    ['other JSON', 200, { 'content-type': 'application/json' }, '{"tasks":[]}'],
    ['JSON that is no object', 200, { 'content-type': 'application/json' }, 'null'],
    ['an envelope that contradicts its status', 500, {}, '{"status":"ok","result":{}}'],
    ['an error without a code', 500, {}, '{"status":"error","error":"no"}'],
    ['nothing', 200, {}, ''],
    ['a redirect', 302, { location: 'http://127.0.0.1:1/' }, ''],
  ];
  it.each(answers)('is BAD_ANSWER with an excerpt: %s', async (_, status, headers, body) => {
    const { client, next } = await startScriptedServer();
    const failing = errorOf(client.get('a'));
    const { response } = await next();
    response.writeHead(status, headers).end(body);
    const error = await failing;
    expect(error).toMatchObject({ code: 'BAD_ANSWER', status, details: {} });
    const shown = body === '' ? 'nothing' : body.replaceAll(/\s+/g, ' ');
    expect(error.message).toBe(`Expected an answer of the task API, got status ${status}: ${shown}`);
  });

  it('is cut', async () => {
    const { client, next } = await startScriptedServer();
    const failing = errorOf(client.metrics());
    (await next()).response.writeHead(500).end('x'.repeat(100_000));
    expect((await failing).message.length).toBeLessThan(300);
  });
});

describe('the key', () => {
  it('is in no error, whatever the server says', async () => {
    const { client, next, origin } = await startScriptedServer({
      key: KEY,
      headers: { 'x-other': 'another-secret-value' },
    });
    const errors: TaskClientError[] = [];
    // Near the place where an excerpt is cut, too.
    for (const before of [0, 170, 185]) {
      const failing = errorOf(client.stats());
      const { request, response } = await next();
      expect(request.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-other': 'another-secret-value' });
      response.writeHead(500).end(`${'x'.repeat(before)} ${request.headers.authorization} another-secret-value`);
      errors.push(await failing);
    }
    const refused = errorOf(client.stats());
    const { response } = await next();
    response.writeHead(401);
    response.end(
      JSON.stringify({ status: 'error', error: { code: 'UNAUTHENTICATED', message: `no ${KEY}`, details: {} } }),
    );
    errors.push(await refused);
    const bad = [`${KEY}\n`, `${KEY} `, `${KEY}ä`, ''];
    for (const key of bad) errors.push(thrownBy({ url: origin, key }));
    errors.push(thrownBy({ url: origin, headers: { 'x-key': `${KEY}\n${KEY}` } }));
    errors.push(thrownBy({ url: `http://ann:${KEY}@127.0.0.1` }), thrownBy({ url: `http://127.0.0.1/?key=${KEY}` }));
    errors.push(thrownBy({ url: `http://[${KEY}` }), thrownBy({ url: origin, timeoutMs: KEY as unknown as number }));
    const port = await freePort();
    errors.push(await errorOf(createTaskClient({ url: `http://127.0.0.1:${port}`, key: KEY }).stats()));
    for (const error of errors) {
      expect(error.message).not.toBe('');
      expect(allOf(error)).not.toContain(KEY.slice(0, 8));
      expect(allOf(error)).not.toContain('another-secret');
    }
    expect(errors[3]).toMatchObject({ code: 'UNAUTHENTICATED', message: 'no [hidden]' });
  });

  it('takes the place of an Authorization header that was given besides', async () => {
    const { client, next } = await startScriptedServer({ key: KEY, headers: { Authorization: 'Basic x' } });
    void client.stats().catch(() => {});
    const { request, response } = await next();
    response.end();
    expect(request.headers.authorization).toBe(`Bearer ${KEY}`);
  });
});

describe('a call', () => {
  it('is UNREACHABLE where nobody listens, with the reason', async () => {
    const port = await freePort();
    const error = await errorOf(createTaskClient({ url: `http://127.0.0.1:${port}` }).stats());
    expect(error).toMatchObject({ code: 'UNREACHABLE', status: null, retryAfterSeconds: null });
    expect(error.message).toBe(
      `The task API at http://127.0.0.1:${port}/api/v1 can't be reached: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it('is UNREACHABLE where the answer breaks off', async () => {
    const { client, next } = await startScriptedServer();
    const failing = errorOf(client.stats());
    const { response } = await next();
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"status":');
    response.destroy();
    expect(await failing).toMatchObject({ code: 'UNREACHABLE', status: null });
  });

  it('ends with TIMEOUT, before or amid the answer, and its connection is closed', async () => {
    const clock = new ManualClock();
    const { client, next } = await startScriptedServer({ timeoutMs: 500, clock });
    for (const begin of [false, true]) {
      const failing = errorOf(client.stats());
      const { response, closed } = await next();
      if (begin) response.writeHead(200).write('{"status":');
      clock.advance(499);
      expect(clock.timers).toBe(1);
      clock.advance(1);
      expect(await failing).toMatchObject({ code: 'TIMEOUT', status: null });
      await closed;
      expect(clock.timers).toBe(0);
    }
  });

  it('ends with ABORTED, and its connection is closed', async () => {
    const { client, next, count } = await startScriptedServer();
    const controller = new AbortController();
    const failing = errorOf(client.submit('work', { signal: controller.signal }));
    const { closed } = await next();
    controller.abort(new Error('enough'));
    expect(await failing).toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
    await closed;
    expect(await errorOf(client.stats({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' });
    expect(count()).toBe(1);
  });

  it('is made once: nothing is submitted twice', async () => {
    const { client, next, count } = await startScriptedServer();
    const failing = errorOf(client.submit('work'));
    (await next()).response.destroy();
    expect(await failing).toMatchObject({ code: 'UNREACHABLE' });
    expect(count()).toBe(1);
  });

  it('can be made only with what it can say', async () => {
    const { client, count, origin } = await startScriptedServer();
    const refused: (() => Promise<unknown>)[] = [
      () => client.get(''),
      () => client.get('..'),
      () => client.cancel('.'),
      () => client.get('\ud800'),
      () => client.results('..'),
      () => client.get(5 as unknown as string),
      () => client.submit('work', { input: 5n }),
      () => client.submit('work', { resource_id: 'a' } as object),
      () => client.submit('work', null as unknown as object),
      () => client.list({ task_type: 'work' } as object),
      () => client.stats({ owners: 'ann' } as object),
      () => client.threads({ owners: 'ann' } as object),
      () => client.results('g', { cursor: 'x' } as object),
      () => client.events({ task_type: 'work' } as object).next(),
      () => client.wait('a', { timeoutMs: 0 }),
      () => client.wait('a', { timeoutMs: NaN }),
    ];
    for (const call of refused) expect(await errorOf(call())).toMatchObject({ code: 'INVALID_ARGUMENT', status: null });
    const options: (Omit<TaskClientOptions, 'url'> & { url?: string })[] = [
      { url: 'not an address' },
      { url: '/api/v1' },
      { url: 'ftp://127.0.0.1' },
      { url: `${origin}#a` },
      { timeoutMs: 0 },
      { timeoutMs: -1 },
      { timeoutMs: 2 ** 31 },
      { reconnect: { maxAttempts: 1.5 } },
      { reconnect: { maxDelayMs: 0 } },
      { reconnect: { silenceMs: Number.NaN } },
      { reconnect: { delayMs: 1 } as object },
      { apiKey: 'x' } as object,
    ];
    for (const option of options) expect(thrownBy({ url: origin, ...option }).code).toBe('INVALID_ARGUMENT');
    expect(count()).toBe(0);
  });
});

describe('the address', () => {
  it('gets /api/v1 unless it has a path', async () => {
    const { next, origin } = await startScriptedServer();
    const paths = { '': '/api/v1/threads', '/': '/api/v1/threads', '/jobs/': '/jobs/threads', '/a/b': '/a/b/threads' };
    for (const [path, expected] of Object.entries(paths)) {
      const call = createTaskClient({ url: `${origin}${path}` }).threads();
      const { request, response } = await next();
      response.end('{"status":"ok","result":[]}');
      expect(request.url).toBe(expected);
      expect(await call).toEqual([]);
    }
  });

  it('may be a URL, and names in it are escaped', async () => {
    const { next, origin } = await startScriptedServer();
    const client = createTaskClient({ url: new URL(origin) });
    const call = client.results('a/b ?ü', { ack: 'c&d', owner: 'e f' });
    const { request, response } = await next();
    response.end('{"status":"ok","result":[],"cursor":null,"in_progress":0}');
    expect(request.url).toBe('/api/v1/groups/a%2Fb%20%3F%C3%BC/results?ack=c%26d&owner=e+f');
    expect(await call).toEqual({ records: [], cursor: null, inProgress: 0 });
  });
});

function thrownBy(options: TaskClientOptions): TaskClientError {
  try {
    createTaskClient(options);
  } catch (error) {
    expect(error).toBeInstanceOf(TaskClientError);
    return error as TaskClientError;
  }
  throw new Error('nothing was thrown');
}

/** One on which nobody listens by now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
