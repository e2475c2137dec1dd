import { MessageChannel, parentPort } from 'node:worker_threads';
import { Gate } from './gate.js';

/** What the worker of the Piscina tests is to do. */
export type PoolJob =
  /** Says so many numbers on its port, and then ends, or waits to be ended. */
  | { readonly says: number; readonly ends: 'exits' | 'crashes' }
  | { readonly says: number; readonly ends: 'waits'; readonly gate: SharedArrayBuffer }
  /** Says what of a few things it could say. */
  | { readonly tries: true };

/** What an uncaught error of the worker says. */
export const CRASH = 'nobody caught this';

const { port1: port, port2 } = new MessageChannel();
port.on('message', work);
port.unref();
parentPort?.postMessage({ port: port2 }, [port2]);

function work(job: PoolJob): void {
  if ('tries' in job) return tries();
  for (let at = 0; at < job.says; at++) port.postMessage(at);
  switch (job.ends) {
    case 'exits':
      return process.exit(3);
    case 'crashes':
      throw new RangeError(CRASH);
    case 'waits':
      return new Gate(job.gate).pass();
  }
}

function tries(): void {
  const throwing = {
    get a(): number {
      throw new TypeError('a getter threw');
    },
  };
  const threw: string[] = [];
  for (const value of [() => 1, throwing, { list: [1, () => 1] }]) {
    try {
      port.postMessage({ said: value });
    } catch (error) {
      threw.push((error as Error).name);
    }
  }
  port.postMessage({ threw });
}

/** Piscina wants one. */
export default function nothing(): void {}
