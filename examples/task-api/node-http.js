// The task API beside routes of one's own, on node:http alone.
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { address, api, run } from './tasks.js';

const listener = getRequestListener(api.fetch);

const server = createServer((request, response) => {
  if (request.url.startsWith('/api/v1/')) {
    void listener(request, response);
  } else if (request.method === 'GET' && request.url === '/hello') {
    response.setHeader('content-type', 'application/json').end('{"hello":"world"}');
  } else {
    response.writeHead(404).end();
  }
});

server.listen(address, () => run(server));
