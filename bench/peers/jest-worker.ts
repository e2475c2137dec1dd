import { fileURLToPath } from 'node:url';
import { type JestWorkerFarm, Worker } from 'jest-worker';
import { THREADS, builtModule } from '../runner/threads.js';
import type { Peer } from './peer.js';

type Farm = JestWorkerFarm<{ default: (argument: number) => number }>;

/** jest-worker as it comes, but for threads instead of processes and their number. */
export function jestWorker(): Peer {
  const farm = new Worker(fileURLToPath(builtModule('no-op.worker')), {
    exposedMethods: ['default'],
    enableWorkerThreads: true,
    numWorkers: THREADS,
  }) as Farm;
  return {
    name: 'jest-worker',
    run: (argument) => farm.default(argument),
    [Symbol.asyncDispose]: async () => void (await farm.end()),
  };
}
