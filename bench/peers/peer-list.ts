import { THREADS } from '../runner/threads.js';
import { jestWorker } from './jest-worker.js';
import type { Peer } from './peer.js';
import { poolifier } from './poolifier.js';
import { tinypool } from './tinypool.js';
import { workerpool } from './workerpool.js';

/** Pools of all other libraries; disposing ends their threads. */
export interface Peers extends AsyncDisposable {
  readonly all: readonly Peer[];
}

/** Starts them; their threads are up once they have answered. */
export function startPeers(): Peers {
  const all = [tinypool, workerpool, poolifier, jestWorker].map((start) => start(THREADS));
  return {
    all,
    [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((peer) => peer[Symbol.asyncDispose]()))),
  };
}
