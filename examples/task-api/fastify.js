// The task API beside routes of one's own, on Fastify.
import { getRequestListener } from '@hono/node-server';
import Fastify from 'fastify';
import { address, api, run } from './tasks.js';

// The time in which a request must have come; its answer may take as long as it likes.
const app = Fastify({ requestTimeout: 60_000, forceCloseConnections: 'idle' });

// In a plugin of its own, so that other routes keep their parsers.
app.register(async (scope) => {
  const listener = getRequestListener(api.fetch);
  // Nobody reads the body before the API does.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (request, body, done) => done(null));
  scope.all('/api/v1/*', (request, reply) => {
    // Fastify is told that somebody else answers.
    reply.hijack();
    return listener(request.raw, reply.raw);
  });
});
app.get('/hello', async () => ({ hello: 'world' }));
app.post('/hello', async (request) => ({ hello: request.body.name }));

await app.listen(address);
run(app.server, () => app.close());
