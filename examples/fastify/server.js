// Memories of many users: texts are embedded on worker threads, and found again by words and by vectors.
import { createHash } from 'node:crypto';
import Fastify from 'fastify';
import { TaskManager, TreadleError } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { openStore } from 'treadle/store';
import { memoryTasks } from 'treadle/tasks';

const { PORT = '3000', DATABASE = 'memories.db' } = process.env;

// The store first: it makes the database, so that a path that is no good is noticed here.
const store = openStore({ path: DATABASE, embedder: hashingEmbedder() });
const tasks = new TaskManager({ types: memoryTasks({ path: DATABASE }), queue: { max: 100 } });

// A request that takes longer than this would hold up the end of the process.
const app = Fastify({ requestTimeout: 10_000, forceCloseConnections: 'idle' });

app.post('/users/:user/memories', { schema: { body: textsSchema() } }, async (request, reply) => {
  const { user } = request.params;
  const { texts } = request.body;
  const task = await tasks.submit('embed_batch', {
    input: { userId: user, contents: texts },
    // Nobody else sees the task, and while it is unsettled the same texts are refused as a duplicate.
    owner: user,
    resourceId: createHash('sha256').update(JSON.stringify(texts)).digest('hex'),
  });
  reply.code(202).header('location', `/users/${encodeURIComponent(user)}/tasks/${task.id}`);
  return { taskId: task.id };
});

app.get('/users/:user/tasks/:id', async (request, reply) => {
  const { user, id } = request.params;
  const record = tasks.get(id, { owner: user });
  if (record === undefined) {
    return reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'Task not found or expired' } });
  }
  const { status, progress, result, error } = record;
  return { taskId: id, status, progress, result, error: error && { code: error.code, message: error.message } };
});

app.get('/users/:user/search', { schema: { querystring: searchSchema() } }, async (request) => {
  const { q, mode, limit } = request.query;
  const hits = await store.search(q, { userId: request.params.user, mode, limit, snippet: true });
  return { hits: hits.map(({ id, content, score, lists, snippet }) => ({ id, content, score, lists, snippet })) };
});

function textsSchema() {
  const texts = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } };
  return { type: 'object', required: ['texts'], properties: { texts } };
}

function searchSchema() {
  const mode = { enum: ['text', 'vector', 'hybrid'], default: 'hybrid' };
  const limit = { type: 'integer', minimum: 1, maximum: 200, default: 10 };
  return { type: 'object', required: ['q'], properties: { q: { type: 'string' }, mode, limit } };
}

const STATUS = { INVALID_ARGUMENT: 400, DUPLICATE_TASK: 409, QUEUE_FULL: 429, CLOSED: 503 };

app.setErrorHandler((error, request, reply) => {
  // Fastify's own errors, of a body that is no JSON for example, bring their status.
  const status = (error instanceof TreadleError ? STATUS[error.code] : error.statusCode) ?? 500;
  if (status >= 500) console.error(request.method, request.url, error);
  if (status === 429 || status === 503) reply.header('retry-after', '1');
  const message = status === 500 ? 'Internal error' : error.message;
  // Of a duplicate, the task that is in the way.
  const taskId = error instanceof TreadleError && error.taskId !== null ? { taskId: error.taskId } : {};
  reply.code(status).send({ error: { code: status === 500 ? 'INTERNAL' : error.code, message, ...taskId } });
});

// Runs when the server has stopped listening and the last request is answered.
app.addHook('onClose', async () => {
  const { cancelled, interrupted } = await tasks.close({ timeoutMs: 10_000 });
  const lost = [...cancelled, ...interrupted];
  if (lost.length > 0) console.error(`Not done: ${lost.join(', ')}`);
  store.close();
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  // Once: the second time, the process ends at once.
  process.once(signal, () => {
    console.log('Stopping');
    void app.close();
  });
}

console.log(`Listening on ${await app.listen({ port: Number(PORT), host: '127.0.0.1' })}`);
