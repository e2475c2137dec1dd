import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Worker, WorkerOptions } from 'node:worker_threads';

/** What the thread does in place of starting. */
export type BootFault = 'throws' | 'exits';

const FILES = {
  throws: fileURLToPath(new URL('../dist/broken-pool-worker.js', import.meta.url)),
  exits: fileURLToPath(new URL('../dist/exiting-pool-worker.js', import.meta.url)),
} as const;

// What an `import` of it has too, but there it can't be replaced.
const builtIn = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };

/** Makes the next worker threads of this process fail to start. */
export class BootFaults {
  /** How many are still to fail. */
  left = 0;
  readonly #original = builtIn.Worker;

  constructor(fault: BootFault, count: number) {
    this.left = count;
    const take = (): boolean => this.left > 0 && this.left-- > 0;
    builtIn.Worker = class extends this.#original {
      constructor(file: string | URL, options?: WorkerOptions) {
        super(take() ? FILES[fault] : file, options);
      }
    };
  }

  [Symbol.dispose](): void {
    builtIn.Worker = this.#original;
  }
}
