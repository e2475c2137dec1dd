import { fileURLToPath } from 'node:url';
import { type JestWorkerFarm, Worker } from 'jest-worker';
import { builtModule } from '../runner/built-module.js';
import type { Peer } from './peer.js';

type Farm = JestWorkerFarm<{ default: (argument: number) => number }>;

/** jest-worker as it comes, but for threads instead of processes and their number. */
export function jestWorker(threads: number): Peer {
  const farm = new Worker(fileURLToPath(builtModule('no-op.worker')), {
    exposedMethods: ['default'],
    enableWorkerThreads: true,
    numWorkers: threads,
  }) as Farm;
  return {
    name: 'jest-worker',
    run: (argument) => farm.default(argument),
    [Symbol.asyncDispose]: async () => void (await farm.end()),
  };
}
