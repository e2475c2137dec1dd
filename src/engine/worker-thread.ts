import type { MessagePort, ResourceLimits, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Clock } from './clock.js';
import { deferred } from './deferred.js';
import type {
  ChunkAnswer,
  ChunkMessage,
  FlushMessage,
  StrayMessage,
  ThreadMessage,
  WakeMessage,
  WorkerBoot,
} from './protocol.js';

const WORKER_FILE = fileURLToPath(new URL('./worker-entry.cjs', import.meta.url));
const DISPOSE_TIMEOUT_MS = 1_000;

export interface WorkerThreadOptions {
  readonly boot: WorkerBoot;
  readonly resourceLimits: ResourceLimits;
  readonly clock: Clock;
  /** It can be given work now. */
  readonly onUp: (thread: WorkerThread) => void;
  /** It has ended, by whatever way but {@link WorkerThread.destroy}; it may need a moment more to exit. */
  readonly onGone: (thread: WorkerThread) => void;
  readonly onMessage: (thread: WorkerThread, message: FlushMessage | StrayMessage) => void;
}

/**
 * One worker thread, from its start to its exit: a Piscina pool of exactly one thread, which is not refilled.
 *
 * No signal is ever given to `piscina.run`: aborting rejects at once while the thread works on. The thread is terminated
 * instead, and Piscina's rejection at its exit is the truth.
 */
export class WorkerThread {
  /** Null until it is up. */
  worker: Worker | null = null;
  /** What it threw while nothing ran on it: why it did not come up. */
  error: unknown = null;
  readonly #options: WorkerThreadOptions;
  readonly #pool: Piscina<ChunkMessage, ChunkAnswer>;
  #wakePort: MessagePort | null = null;
  #onDisposed: (() => void) | null = null;

  /** @throws what keeps the machine from starting another thread. */
  constructor(options: WorkerThreadOptions) {
    this.#options = options;
    this.#pool = new Piscina<ChunkMessage, ChunkAnswer>({
      filename: WORKER_FILE,
      minThreads: 1,
      maxThreads: 1,
      // The synchronous wait of the default freezes timers and sockets that a task left behind.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: options.resourceLimits,
      workerData: options.boot,
    });
    this.#pool.on('message', (message: ThreadMessage) => this.#onMessage(message));
    // Without a listener, an error that a thread throws between two chunks would end the host.
    this.#pool.on('error', (error) => (this.error = error));
    this.#pool.on('workerDestroy', () => {
      // Or it would start the next thread itself, where nobody could catch that there is none to be had.
      void this.#pool.destroy();
      queueMicrotask(() => {
        this.#closePort();
        this.#onDisposed?.();
        options.onGone(this);
      });
    });
  }

  /**
   * Runs a chunk. Rejects when the thread ends under it, or with the reason why the chunk can't be sent; an uncaught
   * `throw null` resolves as null.
   */
  run(message: ChunkMessage): Promise<ChunkAnswer | null | undefined> {
    return this.#pool.run(message);
  }

  /** Whether it goes on. Piscina drops a thread before it rejects what ran on it; one that it keeps never got the chunk. */
  get lives(): boolean {
    return this.worker !== null && this.#pool.threads.includes(this.worker);
  }

  wake(message: WakeMessage): void {
    this.#wakePort?.postMessage(message);
  }

  /** Lets an idle thread dispose of what it keeps warm; not for long. */
  async dispose(): Promise<void> {
    if (this.#wakePort === null) return;
    const disposed = deferred<void>();
    this.#onDisposed = disposed.resolve;
    const stop = this.#options.clock.after(DISPOSE_TIMEOUT_MS, disposed.resolve, true);
    this.wake({ retire: true });
    await disposed.promise;
    stop();
    this.#onDisposed = null;
  }

  /** Ends it. Resolves when it has exited. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
    this.#closePort();
  }

  /** Resolves when it has exited. */
  exited(): Promise<void> {
    const { worker } = this;
    // A thread that is gone already has no id any more.
    if (worker === null || worker.threadId === -1) return Promise.resolve();
    return new Promise((resolve) => void worker.once('exit', () => resolve()));
  }

  #onMessage(message: ThreadMessage): void {
    if ('hello' in message) {
      this.worker = this.#pool.threads[0] ?? null;
      this.#wakePort = message.hello;
      message.hello.unref();
      this.#options.onUp(this);
    } else if ('retired' in message) {
      this.#onDisposed?.();
    } else {
      this.#options.onMessage(this, message);
    }
  }

  #closePort(): void {
    this.#wakePort?.close();
    this.#wakePort = null;
  }
}
