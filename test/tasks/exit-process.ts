/** A whole process for tests of what ends one: `node exit-process.js scenario`. */
import { writeSync } from 'node:fs';
import { TaskManager, taskModule, taskType } from 'treadle';
import type fault from './fault.task.js';
import { Gate } from './gate.js';
import type unkillable from './unkillable.task.js';

const listenersBefore = process.listenerCount('exit');
const unkillableModule = taskModule<typeof unkillable>(new URL('./unkillable.task.js', import.meta.url));
const tasks = new TaskManager({
  types: {
    fault: taskType(taskModule<typeof fault>(new URL('./fault.task.js', import.meta.url))),
    unkillable: taskType(unkillableModule, { killable: false }),
    killable: taskType(unkillableModule),
    packed: taskType(unkillableModule, { killable: false, pack: true, chunk: { min: 8, max: 8 } }),
  },
  threads: { max: 2 },
});

async function working(type: 'unkillable' | 'killable', { deaf = false } = {}): Promise<void> {
  const gate = new Gate();
  await tasks.submit(type, { input: { gate: gate.buffer, deaf } });
  await gate.arrived();
}

const [scenario] = process.argv.slice(2);
switch (scenario) {
  case 'running and waiting': {
    const gate = new Gate();
    for (let times = 0; times < 4; times++)
      await tasks.submit('fault', { input: { action: 'hang', gate: gate.buffer } });
    await gate.arrived(2);
    process.exit(7);
    break;
  }
  case 'unkillable':
    await working('unkillable');
    await working('unkillable');
    process.exit(7);
    break;
  case 'unkillable, uncaught error':
    await working('unkillable');
    throw new Error('the end of the host');
  case 'unkillable and deaf':
    await working('unkillable', { deaf: true });
    process.exit(7);
    break;
  case 'unkillable, packed': {
    await tasks.ready();
    tasks.setThreads(1);
    tasks.setMaxConcurrentTasks(1);
    const gate = new Gate();
    tasks.pause();
    for (let times = 0; times < 5; times++) await tasks.submit('packed', { input: { gate: gate.buffer, deaf: false } });
    tasks.resume();
    await gate.arrived();
    process.exit(7);
    break;
  }
  case 'killable':
    await working('killable');
    process.exit(7);
    break;
  case 'after unkillable': {
    await working('unkillable');
    await tasks.close({ timeoutMs: 0 });
    writeSync(1, `${process.listenerCount('exit') - listenersBefore} listeners\n`);
    break;
  }
  case 'main module ends': {
    const gate = new Gate();
    const handles = await Promise.all(
      Array.from({ length: 5 }, () => tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } })),
    );
    for (const handle of handles) void handle.settled().then(({ status }) => writeSync(1, `${status}\n`));
    // Nothing of the host's keeps the process alive but the tasks.
    setTimeout(() => gate.open(), 50).unref();
    break;
  }
  default:
    throw new Error(`Expected a scenario, got ${scenario}`);
}
