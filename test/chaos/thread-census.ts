import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';

/** Counts the worker threads of this process themselves, whatever the engine says of them. */
export class ThreadCensus {
  readonly #living = new Set<Worker>();
  started = 0;
  /** The most at once, those on their way out included. */
  peak = 0;

  constructor() {
    process.on('worker', this.#onWorker);
  }

  get living(): number {
    return this.#living.size;
  }

  /** Resolves when none is left. */
  async gone(): Promise<void> {
    for (const worker of this.#living) await once(worker, 'exit');
  }

  stop(): void {
    process.off('worker', this.#onWorker);
  }

  readonly #onWorker = (worker: Worker): void => {
    this.started++;
    this.#living.add(worker);
    this.peak = Math.max(this.peak, this.#living.size);
    worker.once('exit', () => this.#living.delete(worker));
  };
}
