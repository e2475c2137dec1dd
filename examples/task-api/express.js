// The task API beside routes of one's own, on Express 5.
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import { address, api, run } from './tasks.js';

const app = express();
// Before parsers of bodies, which would leave nothing to read. As a pattern: what `*path` stands for Express decodes, and
// answers for itself where that fails; and `app.use('/api/v1', …)` would take that off the path.
app.all(/^\/api\/v1\//, getRequestListener(api.fetch));
app.use(express.json());
app.post('/hello', (request, response) => response.json({ hello: request.body.name }));
app.get('/hello', (request, response) => response.json({ hello: 'world' }));

const server = createServer(app);
server.listen(address, () => run(server));
