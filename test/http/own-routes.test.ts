import { createRoute, z } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import type { TaskApiOptions } from 'treadle/http';
import { KEYS, startApiServer, withKey } from './live-server.js';

const extend: NonNullable<TaskApiOptions['extend']> = (app) => {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/greeting',
      summary: 'Greet the caller',
      request: { query: z.strictObject({ times: z.coerce.number().int().max(3) }) },
      responses: { 200: { description: 'A greeting.' } },
    }),
    (context) => {
      const { owner, operator } = context.get('caller');
      return Response.json({ owner, operator, times: context.req.valid('query').times });
    },
  );
  app.get('/health', () => new Response('fine'));
  app.get('/api/v1/broken', () => {
    throw new Error('secret: hunter2hunter2');
  });
};

describe('routes of one’s own', () => {
  it('know who asks, are checked by their schema, and are in the document', async () => {
    const { url } = await startApiServer({ api: { extend } });
    const greet = (query: string, key: string): Promise<Response> =>
      fetch(`${url}/greeting?${query}`, { headers: withKey(key) });
    expect(await (await greet('times=2', KEYS.ann)).json()).toEqual({ owner: 'ann', operator: false, times: 2 });
    expect(await (await greet('times=1', KEYS.ops)).json()).toMatchObject({ operator: true });
    const refused = await greet('times=4', KEYS.ann);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ status: 'error', error: { code: 'INVALID_ARGUMENT' } });
    const document = (await (await fetch(`${url}/openapi.json`, { headers: withKey(KEYS.ann) })).json()) as {
      paths: object;
    };
    expect(document.paths).toHaveProperty('/api/v1/greeting');
    expect(document.paths).toHaveProperty('/api/v1/tasks');
  });

  it('are behind the same guard, wherever they are', async () => {
    const { url } = await startApiServer({ api: { extend, rateLimit: { requests: 3, perMs: 3_600_000 } } });
    const health = new URL('/health', url);
    expect((await fetch(health)).status).toBe(401);
    expect((await fetch(`${url}/greeting?times=1`)).status).toBe(401);
    for (let at = 0; at < 3; at++) {
      const answer = await fetch(health, { headers: withKey(KEYS.ann) });
      expect(await answer.text()).toBe('fine');
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    expect((await fetch(health, { headers: withKey(KEYS.ann) })).status).toBe(429);
  });

  it('tell nothing of what goes wrong in them, but for the methods that they have', async () => {
    const errors: unknown[] = [];
    const { url } = await startApiServer({ api: { extend, onError: (error) => errors.push(error) } });
    const broken = await fetch(`${url}/broken`, { headers: withKey(KEYS.ann) });
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain('hunter2');
    expect(errors).toMatchObject([{ message: 'secret: hunter2hunter2' }]);
    const wrong = await fetch(`${url}/broken`, { method: 'PUT', headers: withKey(KEYS.ann) });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toContain('GET');
  });
});
