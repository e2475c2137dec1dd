import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { TreadleError } from 'treadle';
import { apiKeys, createTaskApi } from 'treadle/http';
import { describe, expect, test } from 'vitest';
import { createTestManager } from '../support/test-manager.js';
import { KEYS, listen, startApiServer, withKey } from './live-server.js';

/** The status of a request whose headers are just these. */
function statusOf(port: number, headers: Record<string, string>, path = '/api/v1/tasks'): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, setHost: false }, (response) => {
      void text(response).then(() => resolve(response.statusCode as number), reject);
    })
      .on('error', reject)
      .end();
  });
}

describe('without authenticate', () => {
  test('programs on this machine are served, as operators', async () => {
    const { port } = await listen(createTaskApi(createTestManager()).fetch);
    for (const host of ['127.0.0.1', 'localhost', `localhost:${port}`, '[::1]']) {
      expect([host, await statusOf(port, { host })]).toEqual([host, 200]);
    }
    const paused = await fetch(`http://127.0.0.1:${port}/api/v1/pause`, { method: 'POST' });
    expect(paused.status).toBe(200);
  });

  test('what a page elsewhere, another name of this machine or a proxy asks for is refused', async () => {
    const { port } = await listen(createTaskApi(createTestManager()).fetch);
    const local = { host: `127.0.0.1:${port}` };
    for (const headers of [
      { host: 'rebound.example' },
      { host: '127.0.0.1.example' },
      { ...local, origin: 'https://page.example' },
      { ...local, origin: 'null' },
      { ...local, 'sec-fetch-site': 'cross-site' },
      { ...local, 'x-forwarded-for': '10.0.0.1' },
      { ...local, forwarded: 'for=10.0.0.1' },
      { ...local, via: '1.1 proxy' },
      { ...local, 'x-forwarded-proto': 'https' },
      { ...local, 'cf-connecting-ip': '10.0.0.1' },
    ]) {
      expect([headers, await statusOf(port, headers)]).toEqual([headers, 403]);
    }
    for (const headers of [
      { ...local, origin: 'http://localhost:8080' },
      // Of another name of this machine.
      { ...local, origin: 'http://localhost:8080', 'sec-fetch-site': 'cross-site' },
      { ...local, 'sec-fetch-site': 'same-origin' },
      { ...local, 'sec-fetch-site': 'none' },
    ]) {
      expect([headers, await statusOf(port, headers)]).toEqual([headers, 200]);
    }
  });

  test('a request of which nobody knows where it comes from is refused, and the answer says why', async () => {
    const api = createTaskApi(createTestManager());
    const response = await api.fetch(new Request('http://127.0.0.1/api/v1/tasks'));
    expect(response.status).toBe(403);
    expect(((await response.json()) as { error: { message: string } }).error.message).toBe(
      'Without `authenticate` only programs on this machine are served, and of this request where it comes from is not known',
    );
  });

  test.each([
    ['10.0.0.1', 403],
    ['::ffff:10.0.0.1', 403],
    ['fe80::1', 403],
    ['::1', 200],
    ['127.0.0.2', 200],
    ['::ffff:127.0.0.1', 200],
  ])('a request from %s gets %s', async (remoteAddress, status) => {
    const api = createTaskApi(createTestManager());
    const bindings = { incoming: { socket: { remoteAddress } } };
    expect((await api.fetch(new Request('http://localhost/api/v1/tasks'), bindings)).status).toBe(status);
  });

  test('everybody is served where that was asked for plainly', async () => {
    const api = createTaskApi(createTestManager(), { allowUnauthenticated: true });
    expect((await api.fetch(new Request('http://elsewhere.example/api/v1/tasks'))).status).toBe(200);
  });
});

test.each([
  [
    ['2001:db8:1:2::1', '2001:db8:1:2:a::', '2001:db8:1:2:3:4:5:6'],
    ['2001:db8:1:3::1', '::1', '::ffff:10.0.0.1'],
  ],
  [
    ['::1', '::2'],
    ['2001::', '10.0.0.1'],
  ],
  [['10.0.0.1'], ['10.0.0.2', '::ffff:10.0.0.1']],
  [['::ffff:10.0.0.1'], ['::ffff:10.0.0.2', '::1']],
])('strangers from %j have one limit, and %j have others', async (same, others) => {
  const api = createTaskApi(createTestManager(), {
    authenticate: () => null,
    rateLimit: { requests: same.length, perMs: 60_000 },
  });
  const statusFor = async (remoteAddress: string): Promise<number> =>
    (await api.fetch(new Request('http://localhost/api/v1/tasks'), { incoming: { socket: { remoteAddress } } })).status;
  for (const address of same) expect([address, await statusFor(address)]).toEqual([address, 401]);
  for (const address of same) expect([address, await statusFor(address)]).toEqual([address, 429]);
  for (const address of others) expect([address, await statusFor(address)]).toEqual([address, 401]);
});

describe('apiKeys', () => {
  test('knows an identity by its key alone', async () => {
    const authenticate = apiKeys({
      [KEYS.ann]: 'ann',
      'key-of-the-operator-01': { owner: 'op', operator: true },
    });
    const who = (headers: Record<string, string>) => authenticate(new Request('http://localhost', { headers }));
    expect(await who(withKey(KEYS.ann))).toEqual({ owner: 'ann' });
    expect(await who({ authorization: `bearer  ${KEYS.ann}` })).toEqual({ owner: 'ann' });
    expect(await who({ 'x-api-key': 'key-of-the-operator-01' })).toEqual({ owner: 'op', operator: true });
    for (const wrong of ['', KEYS.ann.slice(1), `${KEYS.ann}x`, KEYS.ann.toUpperCase(), '__proto__', 'constructor']) {
      expect(await who({ 'x-api-key': wrong })).toBeNull();
    }
    expect(await who({})).toBeNull();
  });

  test.each([
    ['a short key', { short: 'ann' }],
    ['no keys', {}],
    ['no owner', { [KEYS.ann]: '' }],
    ['an unknown property', { [KEYS.ann]: { owner: 'ann', admin: true } }],
    ['an operator that is no boolean', { [KEYS.ann]: { owner: 'ann', operator: 'yes' } }],
    ['nothing', null],
  ])('refuses %s, and never repeats a key', (_, keys) => {
    let thrown: unknown;
    try {
      apiKeys(keys as never);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TreadleError);
    expect((thrown as TreadleError).code).toBe('INVALID_ARGUMENT');
    expect((thrown as TreadleError).message).not.toContain(KEYS.ann);
  });
});

describe('a slip of authenticate shows nothing to anybody', () => {
  test.each([
    ['undefined', undefined],
    ['no owner', {}],
    ['an owner that is undefined', { owner: undefined }],
    ['an empty owner', { owner: '' }],
    ['a string', 'ann'],
  ])('%s', async (_, identity) => {
    const errors: unknown[] = [];
    const { url } = await startApiServer({
      api: { authenticate: () => identity as never, onError: (error) => errors.push(error) },
    });
    const response = await fetch(`${url}/tasks`);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      status: 'error',
      error: { code: 'INTERNAL', message: 'Internal error', details: {} },
    });
    expect(errors).toHaveLength(1);
  });

  test('what it throws is told to onError, and to nobody else', async () => {
    const errors: unknown[] = [];
    const secret = new Error('the database password is hunter2');
    const { url } = await startApiServer({
      api: {
        authenticate: () => Promise.reject(secret),
        onError: (error) => errors.push(error),
      },
    });
    const response = await fetch(`${url}/tasks`);
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('hunter2')]);
    expect(errors).toEqual([secret]);
  });
});
