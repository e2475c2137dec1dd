// Memories of many users: texts are embedded on worker threads, and found again by words and by vectors. Memories may
// expire, and are swept away at night.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Cron } from 'croner';
import express from 'express';
import { TaskManager, TreadleError } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { openStore } from 'treadle/store';
import { memoryTasks } from 'treadle/tasks';

const { PORT = '3000', DATABASE = 'memories.db', SWEEP = '30 3 * * *' } = process.env;

// The store first: it makes the database, so that a path that is no good is noticed here.
const store = openStore({ path: DATABASE, embedder: hashingEmbedder() });
const tasks = new TaskManager({ types: memoryTasks({ path: DATABASE }), queue: { max: 100 } });

// A sweep that takes longer than a night is joined, not doubled.
const sweep = new Cron(SWEEP, { catch: (error) => console.error('No sweep:', error.message) }, async () => {
  const task = await tasks.submit('ttl_sweep', { resourceId: 'nightly', onDuplicate: 'join' });
  const { deleted } = await task.result();
  console.log(`Swept away ${deleted}`);
});

const app = express();
app.use(express.json({ limit: '1mb' }));

app.post('/users/:user/memories', async (request, response) => {
  const { user } = request.params;
  const { texts, ttlMs } = request.body ?? {};
  if (!areTexts(texts)) throw refused('`texts` to be an array of strings that are not empty');
  const task = await tasks.submit('embed_batch', {
    input: { userId: user, contents: texts, ttlMs },
    // Nobody else sees the task, and while it is unsettled the same texts are refused as a duplicate.
    owner: user,
    resourceId: createHash('sha256').update(JSON.stringify(texts)).digest('hex'),
  });
  response
    .status(202)
    .location(`/users/${encodeURIComponent(user)}/tasks/${task.id}`)
    .json({ taskId: task.id });
});

app.get('/users/:user/tasks/:id', (request, response) => {
  const { user, id } = request.params;
  const record = tasks.get(id, { owner: user });
  if (record === undefined) {
    response.status(404).json({ error: { code: 'NOT_FOUND', message: 'Task not found or expired' } });
    return;
  }
  const { status, progress, result, error } = record;
  response.json({ taskId: id, status, progress, result, error: error && { code: error.code, message: error.message } });
});

app.get('/users/:user/search', async (request, response) => {
  const { q, mode = 'hybrid', limit = '10' } = request.query;
  if (typeof q !== 'string') throw refused('`q` to be a string');
  // What is no mode or limit is refused by the store.
  const hits = await store.search(q, { userId: request.params.user, mode, limit: Number(limit), snippet: true });
  response.json({
    hits: hits.map(({ id, content, score, lists, snippet }) => ({ id, content, score, lists, snippet })),
  });
});

function areTexts(texts) {
  return Array.isArray(texts) && texts.length > 0 && texts.every((text) => typeof text === 'string' && text !== '');
}

function refused(expectation) {
  return new TreadleError('INVALID_ARGUMENT', `Expected ${expectation}`);
}

const STATUS = { INVALID_ARGUMENT: 400, DUPLICATE_TASK: 409, QUEUE_FULL: 429, CLOSED: 503 };

// With four parameters, or Express does not take it for an error handler.
app.use((error, request, response, _next) => {
  const ours = error instanceof TreadleError;
  // Express's own errors, of a body that is no JSON for example, bring their status.
  const status = (ours ? STATUS[error.code] : error.status) ?? 500;
  if (status >= 500) console.error(request.method, request.url, error);
  if (status === 429 || status === 503) response.set('retry-after', '1');
  // A connection that is kept would keep the process.
  if (status === 503) response.set('connection', 'close');
  const [code, message] = status === 500 ? ['INTERNAL', 'Internal error'] : [error.code ?? error.type, error.message];
  // Of a duplicate, the task that is in the way.
  const taskId = ours && error.taskId !== null ? { taskId: error.taskId } : {};
  response.status(status).json({ error: { code, message, ...taskId } });
});

const server = createServer({ requestTimeout: 10_000 }, app);
server.listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
console.log(`Listening on http://127.0.0.1:${server.address().port}`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  // Once: the second time, the process ends at once.
  process.once(signal, () => void close());
}

async function close() {
  const closed = once(server, 'close');
  server.close();
  sweep.stop();
  const tasksClosed = tasks.close({ timeoutMs: 10_000 });
  console.log('Stopping');
  const { cancelled, interrupted } = await tasksClosed;
  const lost = [...cancelled, ...interrupted];
  if (lost.length > 0) console.error(`Not done: ${lost.join(', ')}`);
  // Only now: a request that is still being answered may ask it.
  await closed;
  store.close();
}
