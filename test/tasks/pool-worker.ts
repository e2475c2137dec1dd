import { MessageChannel, parentPort, threadId } from 'node:worker_threads';
import { Gate } from './gate.js';

/** What the worker of the Piscina tests is to do. */
export type PoolJob =
  | { readonly action: 'echo'; readonly value?: unknown }
  | { readonly action: 'thread' }
  | { readonly action: 'gate'; readonly gate: SharedArrayBuffer }
  | { readonly action: 'exit'; readonly code: number }
  | { readonly action: 'crash' }
  | { readonly action: 'unclonable' }
  /** Opens the gate from a timer, after it has returned. */
  | { readonly action: 'timer'; readonly gate: SharedArrayBuffer };

const { port1, port2 } = new MessageChannel();
port1.on('message', (message: unknown) => parentPort?.postMessage({ heard: message }));
port1.unref();
parentPort?.postMessage({ port: port2, threadId }, [port2]);

export default function work(job: PoolJob): unknown {
  switch (job.action) {
    case 'echo':
      return job.value;
    case 'thread':
      return threadId;
    case 'gate':
      new Gate(job.gate).pass();
      return 'passed';
    case 'exit':
      return process.exit(job.code);
    case 'crash':
      setImmediate(() => {
        throw new RangeError('nobody caught this');
      });
      return new Promise(() => {});
    case 'unclonable':
      return () => 1;
    case 'timer':
      setTimeout(() => new Gate(job.gate).arrive(), 1);
      return 'returned';
  }
}
