/**
 * What Piscina starts on each thread. It imports nothing of the user's, so it can't fail to load; task modules are
 * loaded inside, where a failure has an answer.
 */
import { MessageChannel, parentPort, threadId, workerData } from 'node:worker_threads';
import { ChunkRunner } from './chunk-runner.js';
import { catchStrayErrors } from './stray-errors.js';
import type { ChunkAnswer, ChunkMessage, HelloMessage, RetiredMessage, WakeMessage, WorkerBoot } from './protocol.js';

if (parentPort === null) throw new Error('This module runs on worker threads only');
const host = parentPort;
const runner = new ChunkRunner(workerData as WorkerBoot, (message) => host.postMessage(message));

catchStrayErrors(runner.origins, (message) => host.postMessage(message));
process.on('exit', () => runner.exit());

// Piscina reads every message on the thread's own port as a start-up message, so wake-ups have a port of their own.
const { port1, port2 } = new MessageChannel();
port1.on('message', (message: WakeMessage) => {
  if ('retire' in message) {
    void runner.dispose().then(() => host.postMessage({ retired: true } satisfies RetiredMessage));
  } else {
    runner.wake(message);
  }
});
port1.unref();
host.postMessage({ hello: port2, threadId } satisfies HelloMessage, [port2]);

export default function runChunk(message: ChunkMessage): Promise<ChunkAnswer> {
  return runner.run(message);
}
