import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getRequestListener } from '@hono/node-server';
import { HonoRequest } from 'hono/request';
import { createTaskApi } from 'treadle/http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readBody } from '../../dist/http/body.js';
import { createTestManager } from '../support/test-manager.js';

const BODY = JSON.stringify({ task_type: 'fault', input: { action: 'echo', value: 'ü' } });
const MAX_BODY_BYTES = 200;

describe("with the platform's own Request and Response", () => {
  it.each(['with a length', 'in chunks'])('takes a body %s', async (how) => {
    const { url, errors } = await start();
    const response = await post(url, how === 'in chunks' ? streamOf(BODY, 1) : BODY);
    expect([response.status, errors]).toEqual([202, []]);
  });

  it.each(['with a length', 'in chunks'])(
    'takes a body of just as much as is allowed %s, and not a byte more',
    async (how) => {
      const { url } = await start();
      const full = `${BODY}${' '.repeat(MAX_BODY_BYTES - Buffer.byteLength(BODY))}`;
      const of = (text: string): string | ReadableStream<Uint8Array> =>
        how === 'in chunks' ? streamOf(text, 64) : text;
      expect((await post(url, of(full))).status).toBe(202);
      const refused = await post(url, of(`${full} `));
      expect([refused.status, await refused.json()]).toMatchObject([
        413,
        { status: 'error', error: { code: 'INVALID_ARGUMENT', details: { max_bytes: MAX_BODY_BYTES } } },
      ]);
    },
  );
});

it('a body in chunks of a byte takes no more memory than it has', async () => {
  let waiting = 0;
  const pieces = 200_000;
  const bytes = new Uint8Array(pieces).fill(32);
  let heapUsed = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      // A piece each, as an HTTP parser makes them of chunks.
      if (waiting < pieces) return controller.enqueue(bytes.slice(waiting, ++waiting));
      heapUsed = usedAfterGarbage();
      controller.close();
    },
  });
  const request = new Request('http://localhost/tasks', { method: 'POST', body, duplex: 'half' });
  const before = usedAfterGarbage();
  const held = new HonoRequest(request);
  await readBody(held, pieces);
  expect(heapUsed - before).toBeLessThan(10 * pieces);
  expect(await held.text()).toBe(' '.repeat(pieces));
});

it('what does not fit is told in few words, however long it is', async () => {
  const { url } = await start({ maxBodyBytes: 2 ** 20 });
  for (const key of ['a://b:', 'password=', 'x']) {
    const keys = JSON.stringify({ task_type: 'fault', [key.repeat(900_000 / key.length)]: 1 });
    const refused = await post(url, keys);
    expect(refused.status).toBe(400);
    expect((await refused.text()).length).toBeLessThan(2_000);
  }
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`key ${at}`, at]));
  expect((await (await post(url, JSON.stringify(many))).text()).length).toBeLessThan(5_000);
});

it.each(['content-length: 100', 'transfer-encoding: chunked'])(
  'a client that goes away in the middle of a body (%s) is no fault of the server',
  async (header) => {
    const { url, errors, answered } = await start();
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
    onTestFinished(() => void socket.destroy());
    const head = ['POST /api/v1/tasks HTTP/1.1', 'host: localhost', 'content-type: application/json', header];
    socket.write(`${[...head, 'expect: 100-continue'].join('\r\n')}\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    // What would be answered if somebody were there.
    expect([await answered, errors]).toEqual([400, []]);
  },
);

/** The API on a server whose adapter leaves the global `Request` as it is. `answered` is the status of the first answer. */
async function start({ maxBodyBytes = MAX_BODY_BYTES } = {}): Promise<{
  url: string;
  errors: unknown[];
  answered: Promise<number>;
}> {
  const errors: unknown[] = [];
  const api = createTaskApi(createTestManager(), {
    types: ['fault'],
    maxBodyBytes,
    onError: (error) => void errors.push(error),
  });
  let tell: (status: number) => void;
  const answered = new Promise<number>((resolve) => (tell = resolve));
  const fetchAndTell: typeof api.fetch = async (request, bindings) => {
    const response = await api.fetch(request, bindings);
    tell(response.status);
    return response;
  };
  const server = createServer(getRequestListener(fetchAndTell, { overrideGlobalObjects: false }));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/tasks`, errors, answered };
}

function post(url: string, body: string | ReadableStream<Uint8Array>): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body, duplex: 'half' });
}

/** Parts of so many bytes, which cut characters in two. */
function streamOf(text: string, bytes: number): ReadableStream<Uint8Array> {
  const all = Buffer.from(text);
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (at >= all.length) controller.close();
      else controller.enqueue(all.subarray(at, (at += bytes)));
    },
  });
}

/** Bytes in use once all garbage is gone. */
function usedAfterGarbage(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
