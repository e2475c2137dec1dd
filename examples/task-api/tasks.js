// What the four servers share: the tasks of a memory store, the API in front of them, and how a server ends.
import { TaskManager } from 'treadle';
import { apiKeys, createTaskApi } from 'treadle/http';
import { openStore } from 'treadle/store';
import { memoryTasks } from 'treadle/tasks';

const { DATABASE = 'memories.db', OPERATOR_KEY } = process.env;

// It makes the database, so that a path that is no good is noticed here.
openStore({ path: DATABASE }).close();

const tasks = new TaskManager({ types: memoryTasks({ path: DATABASE }), queue: { max: 1_000 } });

// KEY_ANN is the key of the owner `ann`.
const keys = Object.fromEntries(
  Object.entries(process.env)
    .filter(([name]) => /^KEY_\w/.test(name))
    .map(([name, key]) => [key, name.slice('KEY_'.length).toLowerCase()]),
);
if (OPERATOR_KEY !== undefined) keys[OPERATOR_KEY] = { owner: 'operator', operator: true };

export const api = createTaskApi(tasks, {
  types: ['embed_batch', 'rebuild_fts_index', 'migrate_embeddings', 'ttl_sweep'],
  // Without it, only programs on this machine are served.
  ...(Object.keys(keys).length > 0 ? { authenticate: apiKeys(keys) } : {}),
});

/** Where to listen. */
export const address = { port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? '127.0.0.1' };

/**
 * Says where a server listens, and ends it on SIGTERM or SIGINT: no task is taken any more, those that run may end, and
 * who follows them hears of it; then the server is closed.
 */
export function run(server, closeServer = () => server.close()) {
  console.log(`Listening on http://${address.host}:${server.address().port}`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    // Once: the second time, the process ends at once.
    process.once(signal, () => void stop(server, closeServer));
  }
}

async function stop(server, closeServer) {
  const tasksClosed = tasks.close({ timeoutMs: 10_000 });
  console.log('Stopping');
  const { cancelled, interrupted } = await tasksClosed;
  const lost = [...cancelled, ...interrupted];
  if (lost.length > 0) console.error(`Not done: ${lost.join(', ')}`);
  // Ends event streams, which would keep their connections.
  api.close();
  closeServer();
  // Connections that clients keep are closed once nothing is answered on them, the others in two seconds.
  setInterval(() => server.closeIdleConnections(), 100).unref();
  setTimeout(() => server.closeAllConnections(), 2_000).unref();
}
