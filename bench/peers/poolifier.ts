import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';
import type { Peer } from './peer.js';

/** poolifier's pool of a fixed size, as it comes. */
export function poolifier(threads: number): Peer {
  let running = threads;
  let allExited = (): void => undefined;
  const exited = new Promise<void>((resolve) => (allExited = resolve));
  const pool = new FixedThreadPool<number, number>(
    threads,
    fileURLToPath(new URL('poolifier-thread.js', import.meta.url)),
    { exitHandler: () => void (--running === 0 && allExited()) },
  );
  return {
    name: 'poolifier',
    run: (argument) => pool.execute(argument),
    async [Symbol.asyncDispose]() {
      // Its own promise stays pending when a thread exits before it listens, and its threads do not keep the process alive.
      void pool.destroy();
      const alive = setInterval(() => {}, 1_000);
      await exited;
      clearInterval(alive);
    },
  };
}
