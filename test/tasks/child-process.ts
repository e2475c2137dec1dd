/** A whole process for tests of what keeps a process alive: `node child-process.js idle|active|paused`. */
import { TaskManager, taskModule, taskType } from 'treadle';
import type fault from './fault.task.js';

const tasks = new TaskManager({
  types: { fault: taskType(taskModule<typeof fault>(new URL('./fault.task.js', import.meta.url))) },
  threads: { max: 2 },
});

switch (process.argv[2]) {
  case 'idle':
    // Used, then left alone without closing it.
    await (await tasks.submit('fault', { input: { action: 'echo' } })).settled();
    break;
  case 'active': {
    const task = await tasks.submit('fault', {
      input: { action: 'native', gate: new SharedArrayBuffer(8), iterations: 50_000 },
    });
    void task.settled().then((record) => console.log(record.status));
    break;
  }
  case 'paused': {
    tasks.pause();
    const task = await tasks.submit('fault', { input: { action: 'echo' } });
    setTimeout(() => tasks.resume(), 50).unref();
    void task.settled().then((record) => console.log(record.status));
    break;
  }
  default:
    throw new Error(`Expected idle, active or paused, got ${process.argv[2]}`);
}
