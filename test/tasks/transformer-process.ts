/**
 * A whole process that embeds with a transformer model on threads, since ONNX Runtime may abort the process it is in:
 * `node transformer-process.js scenario model path` with the folder of a model and a database file. What it prints is
 * what it found.
 */
import {
  type Clock,
  type TaskHandle,
  TaskManager,
  type TaskManagerOptions,
  systemClock,
  taskModule,
  taskType,
} from 'treadle';
import { loadEmbedder } from 'treadle/embedders';
import { transformersModel } from 'treadle/embedders/transformers';
import { openStore } from 'treadle/store';
import { memoryTasks } from 'treadle/tasks';
import type fault from './fault.task.js';
import { Gate } from './gate.js';

const [scenario = '', model = '', path = ''] = process.argv.slice(2);
const embedder = transformersModel({ model });
// A chunk of these lasts much longer than the waits of the impatient clock.
const LONG = 'red green blue cat dog bird '.repeat(80);
const MANY = 200;
let submitted = 0;

/** Any wait of the manager is short, so that a chunk in the model outlasts it. */
const impatient: Clock = {
  ...systemClock,
  after: (ms, fire, keepAlive) => systemClock.after(Math.min(ms, 10), fire, keepAlive),
};

function types({ killable = false } = {}) {
  return {
    ...memoryTasks({ path, embedder: killable ? { ...embedder, killable } : embedder }),
    fault: taskType(taskModule<typeof fault>(new URL('./fault.task.js', import.meta.url))),
  };
}

type Types = ReturnType<typeof types>;

function managerOf(options: Partial<TaskManagerOptions<Types>> = {}): TaskManager<Types> {
  return new TaskManager({ types: types(), threads: { max: 1 }, cancelGraceMs: 1, ...options });
}

function embed(tasks: TaskManager<Types>, count: number, text: (n: number) => string) {
  const first = submitted;
  submitted += count;
  const contents = Array.from({ length: count }, (_, n) => `${text(n)} ${first + n}`);
  return tasks.submit('embed_batch', { input: { userId: 'ada', contents } });
}

/** Some work that ends soon. */
async function embedSome(tasks: TaskManager<Types>): Promise<void> {
  await (await embed(tasks, 20, () => 'red cat')).result();
}

/** Work that a thread is in the middle of: some of it is done. */
async function embedding(tasks: TaskManager<Types>): Promise<TaskHandle> {
  const task = await embed(tasks, MANY, () => LONG);
  for await (const { progress } of task.watch()) if (progress.itemsDone > 0) break;
  return task;
}

/** Resolves when no thread of an idle manager is left. */
async function threadsGone(tasks: TaskManager<Types>): Promise<void> {
  while (tasks.stats().threads.live > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
}

switch (scenario) {
  case 'search': {
    const tasks = managerOf({ threads: { max: 2 } });
    const texts = ['red cat', 'blue bird', 'green dog'];
    const task = await tasks.submit('embed_batch', { input: { userId: 'ada', contents: texts } });
    console.log(await task.result());
    await Promise.all([embedSome(tasks), embedSome(tasks), embedSome(tasks)]);
    await tasks.close();
    const store = openStore({ path, embedder: await loadEmbedder(embedder) });
    const [hit] = await store.search('the blue bird', { userId: 'ada', mode: 'vector', limit: 1 });
    console.log(hit?.content);
    store.close();
    break;
  }
  case 'cancel': {
    const tasks = managerOf();
    const task = await embedding(tasks);
    task.cancel();
    const { status, progress } = await task.settled();
    console.log(status, progress.itemsDone < MANY);
    await embedSome(tasks);
    await tasks.close();
    break;
  }
  case 'killable': {
    // What must not be done. A thread may be ended just before or after the model runs, so it is done until it matters.
    const tasks = managerOf({ types: types({ killable: true }), clock: impatient });
    for (let times = 0; times < 20; times++) {
      const task = await embedding(tasks);
      task.cancel();
      await task.settled();
    }
    console.log('nothing happened');
    break;
  }
  case 'deadline': {
    const tasks = managerOf({ clock: impatient });
    const task = await embedding(tasks);
    const { alive } = await tasks.close({ timeoutMs: 0 });
    console.log(alive.includes(task.id), task.record.status);
    // The thread works on, and the process ends when it has left.
    console.log((await task.settled()).status);
    await threadsGone(tasks);
    console.log('no thread is left');
    break;
  }
  case 'retire': {
    const tasks = managerOf({ threads: { max: 1, idleMs: 1 } });
    for (let times = 0; times < 10; times++) {
      await embedSome(tasks);
      await threadsGone(tasks);
    }
    await tasks.close();
    break;
  }
  case 'resize': {
    const tasks = managerOf({ threads: { max: 2 } });
    for (let times = 0; times < 10; times++) {
      await Promise.all([embedSome(tasks), embedSome(tasks)]);
      tasks.setThreads(1);
      await embedSome(tasks);
      tasks.setThreads(2);
    }
    await tasks.close();
    break;
  }
  case 'neighbour': {
    const tasks = managerOf();
    for (let times = 0; times < 10; times++) {
      await embedSome(tasks);
      const gate = new Gate();
      const hanging = await tasks.submit('fault', { input: { action: 'hang', gate: gate.buffer } });
      await gate.arrived();
      hanging.cancel();
      console.log((await hanging.settled()).status);
    }
    await embedSome(tasks);
    await tasks.close();
    break;
  }
  case 'left alone':
    await embedSome(managerOf());
    break;
  case 'exit while embedding': {
    const tasks = managerOf({ threads: { max: 2 } });
    await Promise.all([embedding(tasks), embedding(tasks)]);
    process.exit(0);
    break;
  }
  case 'exit':
    await embedSome(managerOf());
    process.exit(0);
    break;
  default:
    throw new Error(`Expected a scenario, got ${scenario}`);
}
