// The task API beside routes of one's own, on Hono.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { address, api, run } from './tasks.js';

const app = new Hono();
// With `c.env`, which has the address of the client: without a key the API serves only this machine.
app.all('/api/v1/*', (c) => api.fetch(c.req.raw, c.env));
app.get('/hello', (c) => c.json({ hello: 'world' }));

const server = serve({ fetch: app.fetch, port: address.port, hostname: address.host }, () => run(server));
