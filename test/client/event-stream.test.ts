import { type StreamRetry, TaskClientError, type TaskClientOptions, type WireEvent } from 'treadle/client';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { type Exchange, type ScriptedServer, beginStream, frame, startScriptedServer } from './scripted-server.js';

const RUNNING = { task_id: 'a', status: 'running' };
const COMPLETED = { task_id: 'a', status: 'completed', result: 'grüße 🌍' };

/** A client on a clock that stands still, whose delays are half of what they may be. */
async function startOnManualClock(options: Omit<TaskClientOptions, 'url'> = {}) {
  const clock = new ManualClock();
  const retries: StreamRetry[] = [];
  let told = (): void => {};
  const server = await startScriptedServer({
    clock,
    random: () => 0.5,
    ...options,
    reconnect: {
      ...options.reconnect,
      onRetry: (retry) => {
        retries.push(retry);
        told();
      },
    },
  });
  /** Waits until the next retry was told of. */
  const broken = async (): Promise<StreamRetry> => {
    if (retries.length === 0) await new Promise<void>((resolve) => (told = resolve));
    return retries.shift() as StreamRetry;
  };
  /** Waits for its delay, too, by the clock. */
  const retried = async (): Promise<StreamRetry> => {
    const retry = await broken();
    clock.advance(retry.delayMs);
    return retry;
  };
  return { ...server, clock, broken, retried };
}

/** The next request that comes is answered with a stream of these pieces. */
async function streamNext({ next }: Pick<ScriptedServer, 'next'>, ...pieces: string[]): Promise<Exchange> {
  const exchange = await next();
  beginStream(exchange, ...pieces);
  return exchange;
}

/** All that comes until the end, and the error with which it ends. */
async function allOf<T>(stream: AsyncIterable<T>): Promise<{ got: T[]; error: TaskClientError | null }> {
  const got: T[] = [];
  try {
    for await (const one of stream) got.push(one);
  } catch (error) {
    expect(error).toBeInstanceOf(TaskClientError);
    return { got, error: error as TaskClientError };
  }
  return { got, error: null };
}

describe('a stream', () => {
  it('is read however it is cut, and what is not known in it is passed over', async () => {
    const server = await startScriptedServer();
    const watching = allOf(server.client.watch('a/b'));
    const { request, response, closed } = await streamNext(server);
    expect(request.url).toBe('/api/v1/tasks/a%2Fb/events');
    expect(request.headers).toMatchObject({ accept: 'text/event-stream' });
    const text = `: hello\n\nretry: 5\n${frame('snapshot', RUNNING, '1')}${frame('log', { text: 'x' })}${frame('later', 1)}data: "no name"\n\n: still here\r\n${frame('completed', COMPLETED, '2').replaceAll('\n', '\r\n')}`;
    for (const byte of Buffer.from(text)) {
      response.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect(await watching).toEqual({ got: [RUNNING, COMPLETED], error: null });
    await closed;
    expect(server.count()).toBe(1);
  });

  it('closes its connection when the loop is left', async () => {
    const server = await startScriptedServer();
    const left = (async () => {
      for await (const { event } of server.client.events({ owner: 'ann' })) return event;
      return null;
    })();
    const { request, closed } = await streamNext(server, frame('ready', {}, '1'));
    expect(await left).toBe('ready');
    await closed;
    expect(request.url).toBe('/api/v1/events?owner=ann');
    expect(server.count()).toBe(1);
  });

  it('ends when its signal is aborted: while it connects, reads or waits', async () => {
    const server = await startOnManualClock();
    const moments: (() => Promise<unknown>)[] = [
      async () => server.next(),
      async () => streamNext(server),
      async () => streamNext(server, frame('ready', {}, '1')),
      async () => {
        const exchange = await server.next();
        exchange.response.destroy();
        await server.broken();
        return exchange;
      },
    ];
    for (const moment of moments) {
      const controller = new AbortController();
      const all = allOf(server.client.events({ signal: controller.signal }));
      const exchange = (await moment()) as Exchange;
      controller.abort();
      expect((await all).error).toBe(null);
      await exchange.closed;
      expect(server.clock.timers).toBe(0);
    }
    const count = server.count();
    expect(await allOf(server.client.events({ signal: AbortSignal.abort() }))).toEqual({ got: [], error: null });
    expect(server.count()).toBe(count);
  });

  it('ends where the server says that it is over', async () => {
    const server = await startScriptedServer();
    const all = allOf(server.client.events({ lastEventId: 'x-7' }));
    const { request, response } = await server.next();
    response.writeHead(204).end();
    expect(await all).toEqual({ got: [], error: null });
    expect(request.headers['last-event-id']).toBe('x-7');
    // The events of a task are over with it, and no sooner.
    const watching = allOf(server.client.watch('a'));
    (await server.next()).response.writeHead(204).end();
    expect((await watching).error).toMatchObject({ code: 'BAD_ANSWER' });
  });

  it('fails with BAD_ANSWER for data that is no JSON, and for an event without end', async () => {
    const server = await startScriptedServer();
    const all = allOf(server.client.events());
    await streamNext(server, 'event: completed\ndata: {"half\n\n');
    expect((await all).error).toMatchObject({ code: 'BAD_ANSWER' });
    const endless = allOf(server.client.watch('a'));
    const { response, closed } = await streamNext(server, 'event: snapshot\ndata: ');
    const piece = 'x'.repeat(2 ** 20);
    const write = (): void => void (response.write(piece) ? setImmediate(write) : response.once('drain', write));
    write();
    expect((await endless).error).toMatchObject({ code: 'BAD_ANSWER' });
    await closed;
    expect(server.count()).toBe(2);
  });
});

describe('a stream that breaks', () => {
  it('goes on after the last event that had an id', async () => {
    const server = await startOnManualClock();
    const controller = new AbortController();
    const all = allOf(server.client.events({ signal: controller.signal }));
    const events = [frame('ready', {}, 'e-1'), frame('running', RUNNING, 'e-2'), frame('progress', RUNNING)];
    const first = await streamNext(server, ...events);
    first.response.end();
    expect(first.request.headers).not.toHaveProperty('last-event-id');
    await server.retried();
    // A piece of an event is none.
    const second = await streamNext(server, 'id: e-9\nevent: failed\ndata: {"task');
    expect(second.request.headers['last-event-id']).toBe('e-2');
    second.response.end();
    await server.retried();
    const third = await streamNext(
      server,
      frame('reset', { reason: 'expired' }, 'e-30'),
      frame('completed', COMPLETED, 'e-31'),
    );
    expect(third.request.headers['last-event-id']).toBe('e-2');
    third.response.end();
    await server.retried();
    expect((await server.next()).request.headers['last-event-id']).toBe('e-31');
    controller.abort();
    const { got, error } = await all;
    expect(error).toBe(null);
    expect(got).toEqual([
      { event: 'ready', id: 'e-1', data: {} },
      { event: 'running', id: 'e-2', data: RUNNING },
      { event: 'progress', id: null, data: RUNNING },
      { event: 'reset', id: 'e-30', data: { reason: 'expired' } },
      { event: 'completed', id: 'e-31', data: COMPLETED },
    ] satisfies unknown[] as WireEvent[]);
  });

  it('of one task begins with its record anew, which is told where it is another', async () => {
    const server = await startOnManualClock();
    const watching = allOf(server.client.watch('a'));
    for (const events of [[frame('running', RUNNING, 'e-1')], [frame('snapshot', RUNNING, 'e-1')], []]) {
      const { request, response } = await streamNext(server, ...events);
      response.end();
      expect(request.headers).not.toHaveProperty('last-event-id');
      await server.retried();
    }
    const { closed } = await streamNext(server, frame('snapshot', COMPLETED, 'e-9'));
    expect(await watching).toEqual({ got: [RUNNING, COMPLETED], error: null });
    await closed;
  });

  it('waits longer each time in vain, up to a limit, and as at first after an event', async () => {
    const server = await startOnManualClock({ reconnect: { maxDelayMs: 3_000 } });
    const watching = allOf(server.client.watch('a'));
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      (await server.next()).response.destroy();
      const retry = await server.retried();
      expect(retry).toMatchObject({ attempt, error: { code: 'UNREACHABLE' } });
      delays.push(retry.delayMs);
    }
    expect(delays).toEqual([500, 1_000, 1_500, 1_500]);
    (await streamNext(server, 'retry: 200\n\n', frame('snapshot', RUNNING))).response.end();
    expect(await server.retried()).toMatchObject({ attempt: 1, delayMs: 100 });
    (await streamNext(server, ': no event\n\n')).response.end();
    expect(await server.retried()).toMatchObject({ attempt: 2, delayMs: 200 });
    await streamNext(server, frame('completed', COMPLETED));
    expect((await watching).error).toBe(null);
  });

  it('waits at least as long as the server asks', async () => {
    const server = await startOnManualClock();
    const watching = allOf(server.client.watch('a'));
    for (const [status, retryAfter, delayMs] of [
      [429, '7', 7_500],
      [503, '1', 2_000],
      [503, '86400', 602_000],
    ] as const) {
      (await server.next()).response.writeHead(status, { 'retry-after': retryAfter }).end();
      expect(await server.retried()).toMatchObject({ delayMs });
    }
    await streamNext(server, frame('completed', COMPLETED));
    expect((await watching).error).toBe(null);
  });

  it('comes back where a proxy, a busy server or a slow one answers', async () => {
    const server = await startOnManualClock({ timeoutMs: 700 });
    const watching = allOf(server.client.watch('a'));
    for (const status of [408, 429, 500, 502, 503, 504]) {
      (await server.next()).response.writeHead(status).end('<h1>Sorry</h1>');
      expect((await server.retried()).error).toMatchObject({ code: 'BAD_ANSWER', status });
    }
    const { closed } = await server.next();
    server.clock.advance(700);
    expect((await server.retried()).error).toMatchObject({ code: 'TIMEOUT' });
    await closed;
    await streamNext(server, frame('completed', COMPLETED));
    expect(await watching).toEqual({ got: [COMPLETED], error: null });
  });

  it('does not where it is refused, or where something else answers', async () => {
    const server = await startScriptedServer();
    for (const [status, code] of [
      [400, 'INVALID_ARGUMENT'],
      [401, 'UNAUTHENTICATED'],
      [403, 'PERMISSION_DENIED'],
      [404, 'NOT_FOUND'],
    ] as const) {
      const watching = allOf(server.client.watch('a'));
      const body = { status: 'error', error: { code, message: 'No', details: {} } };
      (await server.next()).response.writeHead(status).end(JSON.stringify(body));
      expect((await watching).error).toMatchObject({ code, status, message: 'No' });
    }
    for (const body of ['<h1>Log in</h1>', '{"status":"ok","result":{}}']) {
      const all = allOf(server.client.events());
      (await server.next()).response.writeHead(200).end(body);
      expect((await all).error).toMatchObject({ code: 'BAD_ANSWER', status: 200 });
    }
    expect(server.count()).toBe(6);
  });

  it('ends with the error after too many tries in a row', async () => {
    const server = await startOnManualClock({ reconnect: { maxAttempts: 2 } });
    const watching = allOf(server.client.watch('a'));
    (await streamNext(server, frame('snapshot', RUNNING))).response.end();
    await server.retried();
    (await server.next()).response.destroy();
    await server.retried();
    (await server.next()).response.writeHead(502).end('<h1>Bad Gateway</h1>');
    expect(await watching).toMatchObject({ got: [RUNNING], error: { code: 'BAD_ANSWER', status: 502 } });
    expect(server.count()).toBe(3);
  });

  it('is one, too, when it says nothing for too long', async () => {
    const server = await startOnManualClock();
    const { clock } = server;
    const stream = server.client.watch('a');
    const first = stream.next();
    const exchange = await streamNext(server, frame('snapshot', RUNNING));
    expect(await first).toEqual({ done: false, value: RUNNING });
    // While nobody reads, nothing is missed.
    expect(clock.timers).toBe(0);
    clock.advance(3_600_000);
    const second = stream.next();
    await new Promise(setImmediate);
    expect(clock.timers).toBe(1);
    clock.advance(44_999);
    expect(exchange.response.closed).toBe(false);
    clock.advance(1);
    await exchange.closed;
    expect((await server.retried()).error).toMatchObject({ code: 'UNREACHABLE', status: null });
    await streamNext(server, frame('completed', COMPLETED));
    expect(await second).toEqual({ done: false, value: COMPLETED });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(clock.timers).toBe(0);
  });
});

describe('wait', () => {
  it('leaves no timer', async () => {
    const server = await startOnManualClock();
    const waiting = server.client.wait('a', { timeoutMs: 5_000 });
    await streamNext(server, frame('snapshot', COMPLETED));
    expect(await waiting).toEqual(COMPLETED);
    expect(server.clock.timers).toBe(0);
  });

  it('ends with TIMEOUT, and closes its connection', async () => {
    const server = await startOnManualClock();
    const waiting = server.client.wait('a', { timeoutMs: 5_000 });
    const { closed } = await streamNext(server, frame('snapshot', RUNNING));
    server.clock.advance(5_000);
    await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT', message: 'Task a did not settle within 5000 ms' });
    await closed;
    expect(server.clock.timers).toBe(0);
  });

  it('ends with ABORTED, and closes its connection', async () => {
    const server = await startOnManualClock();
    const controller = new AbortController();
    const waiting = server.client.task('a').wait({ signal: controller.signal });
    const { closed } = await streamNext(server, frame('snapshot', RUNNING));
    controller.abort('enough');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await closed;
    expect(server.clock.timers).toBe(0);
  });
});
