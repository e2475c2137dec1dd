/**
 * What Piscina starts on each thread. It imports nothing of the user's, so it can't fail to load; task modules are
 * loaded inside, where a failure has an answer.
 */
import { MessageChannel, parentPort, workerData } from 'node:worker_threads';
import { ChunkRunner } from './chunk-runner.js';
import { postMoving } from './moving.js';
import { catchStrayErrors } from './stray-errors.js';
import { lowerPriority } from './thread-priority.js';
import type { HelloMessage, HostMessage, RetiredMessage, WorkerBoot } from './protocol.js';

if (parentPort === null) throw new Error('This module runs on worker threads only');
const host = parentPort;
lowerPriority((workerData as WorkerBoot).nice);

// Piscina reads every message on the thread's parent port as a start-up message. On a port of its own, chunks, answers and
// wake-ups keep their order, and cost half of what a run of a pool costs.
const { port1: port, port2 } = new MessageChannel();
const runner = new ChunkRunner(workerData as WorkerBoot, (message) =>
  postMoving(message, (transferList) => port.postMessage(message, transferList)),
);

catchStrayErrors(runner.origins, (message) => host.postMessage(message));
process.on('exit', () => runner.exit());

port.on('message', (message: HostMessage) => {
  if ('phase' in message) {
    void runner.run(message);
  } else if ('retire' in message) {
    void runner.dispose().then(() => port.postMessage({ retired: true } satisfies RetiredMessage));
  } else {
    runner.wake(message);
  }
});
// What can't be read can't be run, and nobody would hear of it.
port.on('messageerror', (error: Error) => {
  throw error;
});
// The thread lives as long as its pool wants it to.
port.unref();
host.postMessage({ hello: port2 } satisfies HelloMessage, [port2]);

/** Piscina wants a function to run; nothing is run by it. */
export default function nothing(): void {}
