import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ApiServer, KEYS, startApiServer, withKey } from './live-server.js';
import { createTestManager } from '../support/test-manager.js';
import { type Schema, fitting, unfitting } from './schema-values.js';

const REQUESTS = 8_000;
const RAW = 2_000;
const AT_ONCE = 8;
const SEED = Number(process.env['TREADLE_SEED'] ?? 20_261);

/** What no answer may ever have in it. */
const BENS_SECRET = 'bens-secret-result';
const SECRETS = [KEYS.ann, KEYS.ben, KEYS.ops, 'hunter2secret', 'node_modules', 'at async', '.ts:', '.js:'];

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

interface Hit {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function shoot(port: number, agent: Agent, { method, path, headers, body }: Shot): Promise<Hit> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      if (answered['content-type']?.includes('event-stream') === true) {
        // It has no end.
        sent.destroy();
        return resolve({ status, headers: answered, text: '' });
      }
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status, headers: answered, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.setTimeout(30_000, () => sent.destroy(new Error('no answer in 30 s')));
    sent.end(body ?? undefined);
  });
}

/** Whatever comes back until the connection is closed, by either side. */
function shootRaw(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('event-stream')) socket.destroy();
    });
    socket.on('error', () => {});
    // Nobody answers what never ends.
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in 30 s')));
    socket.on('close', () => resolve(text));
  });
}

const junkText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '..',
    '%00',
    '%ff',
    '%',
    'NaN',
    '-1',
    '1e309',
    '__proto__',
    'null',
    "' OR 1=1",
    'a'.repeat(3_000),
  ),
);

const junkHeaders: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  fc.record({
    'content-type': fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'multipart/form-data', 'x', ''),
  }),
  fc.record({ 'last-event-id': fc.constantFrom('0', 'x-1', '-', '9'.repeat(400), 'a-b-c') }),
  fc.record({ accept: fc.constantFrom('text/event-stream', 'x/y', '*/*') }),
  fc.record({ 'content-encoding': fc.constant('gzip') }),
  fc.record({ expect: fc.constant('100-continue') }),
  fc.record({ 'x-api-key': fc.string({ unit: fc.constantFrom('a', 'b', '-', '=', '"', ' ') }) }),
);

/** Requests to every route of the document, fitting and not. */
function shots(document: OpenApi, ids: readonly string[]): fc.Arbitrary<Shot> {
  const resolve = (ref: string): Schema => document.components.schemas[ref.split('/').at(-1) as string] as Schema;
  const id = fc.oneof(fc.constantFrom(...ids), junkText);
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  // Nobody pauses: what waits would not end.
  const callers = fc.constantFrom(
    withKey(KEYS.ann),
    withKey(KEYS.ann),
    withKey(KEYS.ann),
    { 'x-api-key': 'key-of-nobody-00000' },
    {},
  );
  return fc.constantFrom(...routes).chain(({ path, method, operation: { parameters = [], requestBody } }) => {
    const query = parameters.filter((parameter) => parameter.in === 'query');
    const fits = fc.record(Object.fromEntries(query.map(({ name, schema }) => [name, fitting(schema, resolve)])), {
      requiredKeys: [],
    });
    const asked = fc.oneof(
      { weight: 3, arbitrary: fits },
      fc.dictionary(fc.oneof(fc.constantFrom('wait', ...query.map(({ name }) => name)), junkText), junkText, {
        maxKeys: 4,
      }),
    );
    const schema = requestBody?.content['application/json']?.schema;
    const value = schema === undefined ? fc.constant(undefined) : fitting(schema, resolve);
    const body = value.chain((fitted) =>
      fitted === undefined
        ? fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, junkText)
        : fc.oneof({ weight: 2, arbitrary: fc.constant(JSON.stringify(withKnownType(fitted))) }, unfitting(fitted)),
    );
    const junkMethod = fc.oneof(
      { weight: 20, arbitrary: fc.constant(method) },
      fc.constantFrom('PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND'),
    );
    return fc.record({ method: junkMethod, asked, body, id, callers, more: junkHeaders }).map((made) => {
      const given = Object.entries(made.asked).filter(([, one]) => one !== undefined);
      const search = given
        .map((pair) => pair.map((part) => encodeURIComponent(wellFormed(String(part)))).join('='))
        .join('&');
      const at = path.replaceAll(/\{\w+\}/g, encodeURIComponent(wellFormed(made.id)).replace('%2525', '%25'));
      return {
        method: made.method,
        path: search === '' ? at : `${at}?${search}`,
        headers: {
          ...(made.body === null ? {} : { 'content-type': 'application/json' }),
          ...made.callers,
          ...made.more,
        },
        body: made.body,
      };
    });
  });
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** Most of what fits should be of a type that there is, and be over soon. */
function withKnownType(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('task_type' in body)) return body;
  const text = JSON.stringify(body);
  return text.length % 3 === 0 ? body : { ...body, task_type: text.length % 2 === 0 ? 'fault' : 'items' };
}

/** Requests whose bytes are wrong somewhere, or all over. */
const rawShots: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .record({
      line: fc.constantFrom(
        'POST /api/v1/tasks HTTP/1.1',
        'GET /api/v1/tasks HTTP/1.1',
        'GET /api/v1/events HTTP/1.1',
        'GET //api/v1/../tasks HTTP/1.0',
        'GET http://elsewhere.example/api/v1/tasks HTTP/1.1',
        'GET /api/v1/tasks/%zz HTTP/1.1',
        'POST /api/v1/tasks HTTP/9.9',
        'OPTIONS * HTTP/1.1',
      ),
      headers: fc.subarray([
        'Host: 127.0.0.1',
        `Authorization: Bearer ${KEYS.ann}`,
        'Content-Type: application/json',
        'Content-Length: 5',
        'Content-Length: -1',
        'Content-Length: 99999999999999999999',
        'Transfer-Encoding: chunked',
        'Connection: keep-alive, upgrade',
        'Upgrade: websocket',
        'Expect: 100-continue',
        'Host: a:b:c',
        `X: ${'y'.repeat(2_000)}`,
      ]),
      body: fc.oneof(
        fc.constant(''),
        fc.constant('{"a":'),
        fc.constant('5\r\n{"a":\r\nzz\r\n'),
        fc.string({ unit: 'binary' }),
      ),
      cut: fc.option(fc.nat(200)),
    })
    .map(({ line, headers, body, cut }) => {
      const text = [line, ...headers, '', body].join('\r\n');
      return new TextEncoder().encode(cut === null ? text : text.slice(0, cut));
    }),
);

test(
  '10,000 hostile requests: no 500, no crash, no secret in any answer',
  async () => {
    const errors: unknown[] = [];
    const server = await startApiServer({
      tasks: createTestManager({ queue: { max: 50 }, history: { max: 200 } }),
      // Only this type is over soon, whatever it is given.
      api: { types: ['fault'], maxBodyBytes: 20_000, maxHeldPerOwner: 64, onError: (error) => errors.push(error) },
    });
    const ids = await tasksToFind(server);
    const { port } = new URL(server.url);
    const document = (await (
      await fetch(`${server.url}/openapi.json`, { headers: withKey(KEYS.ann) })
    ).json()) as OpenApi;
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const statuses = new Map<number, number>();

    const check = (what: unknown, status: number, text: string): void => {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const found = [...SECRETS, BENS_SECRET].filter((secret) => text.includes(secret));
      if (status < 500 && found.length === 0) return;
      expect.fail(
        `seed ${SEED}: ${status}, with ${JSON.stringify(found)}, to ${JSON.stringify(what)}: ${text.slice(0, 500)}`,
      );
    };

    const planned = fc.sample(shots(document, ids), { numRuns: REQUESTS, seed: SEED });
    await inTurns(planned, async (shot) => {
      const { status, headers, text } = await shootAgain(Number(port), agent, shot);
      check(shot, status, text);
      if (headers['content-type']?.includes('json') === true && shot.method !== 'HEAD') {
        expect(JSON.parse(text), JSON.stringify(shot)).toHaveProperty(status < 300 ? 'result' : 'error');
      }
    });
    await inTurns(fc.sample(rawShots, { numRuns: RAW, seed: SEED }), async (bytes) => {
      const text = await shootRaw(Number(port), bytes);
      for (const [, status] of text.matchAll(/^HTTP\/1\.1 (\d+)/gm)) check([...bytes], Number(status), text);
    });
    agent.destroy();

    expect(errors).toEqual([]);
    // It was not all refused at the door.
    for (const status of [200, 202, 400, 401, 404, 405, 415])
      expect([status, statuses.get(status) ?? 0]).not.toEqual([status, 0]);
    const after = await fetch(`${server.url}/tasks?wait=true`, {
      method: 'POST',
      headers: { ...withKey(KEYS.ben), 'content-type': 'application/json' },
      body: JSON.stringify({ task_type: 'fault', input: { action: 'echo', value: [42] } }),
    });
    expect(((await after.json()) as { result: { result: unknown } }).result.result).toEqual([42]);
  },
  5 * 60_000,
);

/** Ids of tasks of both, whose records have secrets that must not go out. */
async function tasksToFind({ tasks: manager }: ApiServer): Promise<string[]> {
  const bens = await manager.submit('fault', {
    input: { action: 'echo', value: BENS_SECRET },
    owner: 'ben',
    resourceId: 'r',
    meta: { note: BENS_SECRET },
  });
  const anns = await manager.submit('fault', { input: { action: 'echo', value: 1 }, owner: 'ann', group: 'g' });
  const failed = await manager.submit('items', { items: [{ throw: 'password=hunter2secret' }], owner: 'ann' });
  for (const task of [bens, anns, failed]) await task.settled();
  return [bens.id, anns.id, failed.id];
}

/** A connection may have been closed by an earlier answer, which was to a request that could not be read. */
async function shootAgain(port: number, agent: Agent, shot: Shot): Promise<Hit> {
  for (let left = 3; ; left--) {
    try {
      return await shoot(port, agent, shot);
    } catch (error) {
      if (left === 0) throw new Error(`no answer to ${JSON.stringify(shot)}`, { cause: error });
    }
  }
}

async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) await work(all[next++] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
