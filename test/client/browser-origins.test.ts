import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { listen, startApiServer } from '../http/live-server.js';
import {
  BROKEN,
  clientIn,
  hasBrowser,
  refusedWith,
  serverForPagesOf,
  serverOfPage,
  useBrowser,
} from './browser-page.js';

const BLOCKED = /CORS policy/;

/** A server of the page alone, under another name than the machine's own. */
async function startPageServer(host: string): Promise<string> {
  const { port } = await listen(serverOfPage());
  return `http://${host}:${port}`;
}

describe.skipIf(!hasBrowser())('the client in a page of another origin', () => {
  const open = useBrowser();

  it('asks with a key where the server lets pages of that origin ask', async () => {
    const origin = await startPageServer('app.test');
    const rateLimit = { requests: 10, perMs: 3_600_000 };
    const server = await startApiServer({ mount: serverForPagesOf(origin), api: { rateLimit } });
    const page = await open(origin, refusedWith(401), refusedWith(429));
    const clients = { ann: await clientIn(page, server.origin), nobody: await clientIn(page, server.origin, null) };
    const answer = await page.evaluate(async ({ ann, nobody }) => {
      const failureOf = async (call: Promise<unknown>) => {
        const { code, retryAfterSeconds } = (await call.then(
          () => ({}),
          (error: unknown) => error,
        )) as { code?: string; retryAfterSeconds?: number | null };
        return { code, retryAfterSeconds };
      };
      const task = await ann.submit('items', { items: [1, 2] });
      const { status, result } = await task.wait();
      const { value: first } = await ann.events({ lastEventId: 'of-another-server-1' }).next();
      const refused = await failureOf(nobody.list());
      for (;;) {
        const exhausted = await failureOf(ann.list());
        if (exhausted.code !== undefined) return { status, result, first: first?.event, refused, exhausted };
      }
    }, clients);
    expect(answer).toMatchObject({
      status: 'completed',
      result: [2, 4],
      first: 'reset',
      refused: { code: 'UNAUTHENTICATED', retryAfterSeconds: null },
      exhausted: { code: 'RESOURCE_EXHAUSTED', retryAfterSeconds: expect.any(Number) as number },
    });
  });

  it('reaches nothing where the server does not', async () => {
    const server = await startApiServer();
    const page = await open(await startPageServer('app.test'), BLOCKED, BROKEN);
    const client = await clientIn(page, server.origin);
    const code = await client.evaluate((ann) =>
      ann.submit('items', { items: [1] }).then(
        () => null,
        (error: unknown) => (error as { code: string }).code,
      ),
    );
    expect(code).toBe('UNREACHABLE');
    expect(server.tasks.stats()).toMatchObject({ total: 0 });
  });
});

describe.skipIf(!hasBrowser())('a server that asks for no key', () => {
  const open = useBrowser();

  it('serves a page of this machine', async () => {
    const server = await startApiServer({ keys: false, mount: serverOfPage });
    const page = await open(server.origin);
    const client = await clientIn(page, '/', null);
    const id = await client.evaluate(async (anyone) => (await anyone.submit('items', { items: [1] })).id);
    expect(server.tasks.get(id)).toMatchObject({ owner: null });
  });

  it('refuses a page from elsewhere, even where it may read the answers', async () => {
    const origin = await startPageServer('elsewhere.test');
    const server = await startApiServer({ keys: false, mount: serverForPagesOf(origin) });
    const page = await open(origin, refusedWith(403));
    const client = await clientIn(page, server.origin, null);
    const refusals = await client.evaluate((elsewhere) => {
      const calls: Promise<unknown>[] = [
        elsewhere.list(),
        elsewhere.pause(),
        elsewhere.submit('items', { items: [1] }),
        elsewhere.events().next(),
      ];
      return Promise.all(
        calls.map((call) =>
          call.catch((error: unknown) => {
            const { status, message } = error as { status: number; message: string };
            return { status, message };
          }),
        ),
      );
    });
    const message =
      'Without `authenticate` only programs on this machine are served, and of this request a page from elsewhere made it';
    expect(refusals).toEqual(Array.from({ length: 4 }, () => ({ status: 403, message })));
    expect(server.tasks.stats()).toMatchObject({ paused: false, total: 0 });
  });

  it('refuses a page whose own name leads to this machine', async () => {
    const server = await startApiServer({ keys: false, mount: serverOfPage });
    const page = await open(`http://rebound.test:${server.port}`, refusedWith(403));
    const client = await clientIn(page, '/', null);
    const refusal = await client.evaluate((rebound) =>
      rebound.list().then(
        () => null,
        (error: unknown) => {
          const { status, message } = error as { status: number; message: string };
          return { status, message };
        },
      ),
    );
    expect(refusal).toEqual({
      status: 403,
      message:
        'Without `authenticate` only programs on this machine are served, and of this request the host it asks for is not this machine',
    });
  });

  it('refuses what a page from elsewhere may send without asking first', async () => {
    const server = await startApiServer({ keys: false });
    const page = await open(await startPageServer('elsewhere.test'), refusedWith(403), BLOCKED, BROKEN);
    const exchanges: [IncomingMessage, ServerResponse][] = [];
    server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      exchanges.push([request, response]);
    });
    await page.evaluate(
      async ({ api, init }) => {
        const { Image } = globalThis as unknown as { Image: new () => EventTarget & { src: string } };
        await fetch(`${api}/tasks`, init);
        await fetch(`${api}/groups/g/results?ack=1`, init);
        await fetch(`${api}/pause`, { ...init, method: 'POST' });
        await fetch(`${api}/tasks`, { ...init, method: 'POST', body: '{"task_type":"items","items":[1]}' });
        await new Promise<void>((resolve) => {
          const image = new Image();
          image.addEventListener('error', () => resolve());
          image.src = `${api}/threads`;
        });
        await new Promise<void>((resolve) => {
          const source = new EventSource(`${api}/events`);
          source.addEventListener('error', () => resolve());
        });
      },
      { api: `${server.origin}/api/v1`, init: { mode: 'no-cors' } as const },
    );
    expect(exchanges.map(([{ method, url }, { statusCode }]) => [method, url, statusCode])).toEqual([
      ['GET', '/api/v1/tasks', 403],
      ['GET', '/api/v1/groups/g/results?ack=1', 403],
      ['POST', '/api/v1/pause', 403],
      ['POST', '/api/v1/tasks', 403],
      ['GET', '/api/v1/threads', 403],
      ['GET', '/api/v1/events', 403],
    ]);
    expect(server.tasks.stats()).toMatchObject({ paused: false, total: 0 });
  });
});
