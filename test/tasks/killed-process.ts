/**
 * A process, or a thread, that is killed in the middle of a task on the store in `path`:
 * `node killed-process.js path embed_batch 3` gets stuck when it embeds for the third time;
 * `node killed-process.js path rebuild_fts_index indexing 2` runs the steps of a rebuild itself and gets stuck when it
 * looks for the second time in that stage whether it was cancelled, with `0` when the stage begins;
 * `node killed-process.js path rebuild_fts_index` kills itself when its first items are done on a thread.
 */
import { parentPort } from 'node:worker_threads';
import { type TaskContext, TaskManager } from 'treadle';
import { memoryTasks } from 'treadle/tasks';
import { stick, tellProcess } from './stuck-embedder.js';

const tell = parentPort === null ? tellProcess : (): void => parentPort?.postMessage('stuck');
const [path = '', task, moment = '', times = '0'] = process.argv.slice(2);

if (task === 'embed_batch') {
  const embedder = {
    module: new URL('./stuck-embedder.js', import.meta.url).href,
    options: { atCall: Number(moment) },
  };
  const tasks = new TaskManager({ types: memoryTasks({ path, embedder }), threads: { max: 1 } });
  const contents = Array.from({ length: 400 }, (_, n) => `text number${n}`);
  const embedding = await tasks.submit('embed_batch', { input: { userId: 'ada', contents } });
  await embedding.result();
} else if (moment === '') {
  const tasks = new TaskManager({ types: memoryTasks({ path }), threads: { max: 1 } });
  const rebuild = await tasks.submit('rebuild_fts_index');
  for await (const { progress } of rebuild.watch()) if (progress.itemsDone > 0) process.kill(process.pid, 'SIGKILL');
} else {
  await rebuildByHand();
}

async function rebuildByHand(): Promise<void> {
  const module = new URL('../../dist/tasks/rebuild-fts-index.js', import.meta.url).href;
  const { steps } = ((await import(module)) as typeof import('../../dist/tasks/rebuild-fts-index.js')).default;
  const warm = new Map<string, unknown>();
  let stage = '';
  let checks = 0;
  const context: TaskContext = {
    taskId: 'killed',
    attempt: 1,
    data: { path },
    signal: new AbortController().signal,
    progress() {},
    log() {},
    stage(name) {
      if (name === stage) return;
      stage = name;
      if (stage === moment && times === '0') stick(tell);
    },
    throwIfCancelled() {
      if (stage === moment && ++checks === Number(times)) stick(tell);
    },
    perThread(key, factory) {
      if (!warm.has(key)) warm.set(key, factory());
      return warm.get(key) as ReturnType<typeof factory>;
    },
  };
  const items = [...((await steps.plan?.({}, context)) ?? [])];
  const parts = [await steps.run?.(items, context, {})];
  await steps.finish?.(parts, context, {});
}
