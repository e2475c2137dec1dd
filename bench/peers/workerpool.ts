import { fileURLToPath } from 'node:url';
import { pool as createPool } from 'workerpool';
import type { Peer } from './peer.js';

/** workerpool as it comes, but for threads instead of processes and their number. */
export function workerpool(threads: number): Peer {
  const pool = createPool(fileURLToPath(new URL('workerpool-thread.js', import.meta.url)), {
    workerType: 'thread',
    minWorkers: threads,
    maxWorkers: threads,
  });
  return {
    name: 'workerpool',
    run: (argument) => pool.exec('noOp', [argument]),
    async [Symbol.asyncDispose]() {
      await pool.terminate();
    },
  };
}
