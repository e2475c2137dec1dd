/**
 * A whole process for faults that may end it: `node host-process.js giant|no-thread` prints what became of the task, and
 * then of the next one.
 */
import { createRequire } from 'node:module';
import type { Worker } from 'node:worker_threads';
import { TaskManager, taskModule, taskType } from 'treadle';
import type single from './single.task.js';

const builtIn = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };
const RealWorker = builtIn.Worker;

/** There is no thread to be had any more, as when the system's limit is reached. */
function haveNoThreads(): void {
  const refuse = (): never => {
    throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
  };
  builtIn.Worker = new Proxy(RealWorker, { construct: refuse });
}

const tasks = new TaskManager({
  types: { single: taskType(taskModule<typeof single>(new URL('./single.task.js', import.meta.url))) },
  threads: { max: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } },
});
await tasks.ready();

const giant = process.argv[2] === 'giant';
if (!giant) haveNoThreads();
const task = await tasks.submit('single', { input: { strike: giant ? { act: 'gulp' } : { act: 'exit', code: 3 } } });
console.log((await task.settled()).error?.code);
builtIn.Worker = RealWorker;
const next = await tasks.submit('single', { input: { strike: null } });
console.log(await next.result());
await tasks.close();
