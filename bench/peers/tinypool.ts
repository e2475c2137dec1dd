import { fileURLToPath } from 'node:url';
import { Tinypool } from 'tinypool';
import { builtModule } from '../runner/built-module.js';
import type { Peer } from './peer.js';

/** Tinypool as it comes, but for the number of threads. */
export function tinypool(threads: number): Peer {
  const pool = new Tinypool({
    filename: fileURLToPath(builtModule('no-op.worker')),
    minThreads: threads,
    maxThreads: threads,
  });
  return {
    name: 'tinypool',
    run: (argument) => pool.run(argument),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}
