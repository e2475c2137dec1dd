import { fileURLToPath } from 'node:url';
import { Tinypool } from 'tinypool';
import { THREADS, builtModule } from '../runner/threads.js';
import type { Peer } from './peer.js';

/** Tinypool as it comes, but for the number of threads. */
export function tinypool(): Peer {
  const pool = new Tinypool({
    filename: fileURLToPath(builtModule('no-op.worker')),
    minThreads: THREADS,
    maxThreads: THREADS,
  });
  return {
    name: 'tinypool',
    run: (argument) => pool.run(argument),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}
