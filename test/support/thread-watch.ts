import type { Worker } from 'node:worker_threads';
import { deferred } from '../../dist/engine/deferred.js';

/** The worker threads that really live in this process, whatever a manager says of its own. */
export class ThreadWatch {
  readonly alive: Set<Worker> = new Set();
  readonly #onWorker = (worker: Worker): void => {
    this.alive.add(worker);
    worker.once('exit', () => this.alive.delete(worker));
  };

  constructor() {
    process.on('worker', this.#onWorker);
  }

  /** Resolves when no more than `count` live: at once, or when those on their way out have gone. */
  async atMost(count: number): Promise<void> {
    while (this.alive.size > count) await this.nextExit();
  }

  /** Resolves when one of those that live now has gone. */
  nextExit(): Promise<void> {
    // Not events.once(): an 'error' comes before the exit, and is not the end.
    const { promise, resolve } = deferred<void>();
    const workers = [...this.alive];
    for (const worker of workers) worker.once('exit', () => resolve());
    return promise;
  }

  end(): void {
    process.off('worker', this.#onWorker);
  }
}
