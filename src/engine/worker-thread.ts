import { type MessagePort, type ResourceLimits, type Worker, receiveMessageOnPort } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Clock } from './clock.js';
import { deferred } from './deferred.js';
import { postWith } from './moving.js';
import type { FlightMessage, HelloMessage, HostMessage, StrayMessage, ThreadMessage, WorkerBoot } from './protocol.js';
import type { Movable } from './transfer.js';

const WORKER_FILE = fileURLToPath(new URL('./worker-entry.cjs', import.meta.url));
const DISPOSE_TIMEOUT_MS = 1_000;

export interface WorkerThreadOptions {
  readonly boot: WorkerBoot;
  readonly resourceLimits: ResourceLimits;
  readonly clock: Clock;
  /** It can be given work now. */
  readonly onUp: (thread: WorkerThread) => void;
  readonly onFlight: (thread: WorkerThread, message: FlightMessage) => void;
  readonly onStray: (thread: WorkerThread, stray: StrayMessage['stray']) => void;
  /** It ends, by whatever way but {@link WorkerThread.destroy}: nothing more can be sent to it. */
  readonly onEnding: (thread: WorkerThread) => void;
  /** It has exited, and all that it had said was heard. */
  readonly onExit: (thread: WorkerThread) => void;
}

/**
 * One worker thread, from its start to its exit: a Piscina pool of exactly one thread, which is not refilled. The pool
 * starts and ends it; chunks and answers go over a port of the thread's own. They are not runs of the pool, because those
 * cost twice as much, and what they report beside (a run rejects when its thread is gone) is told here by the exit itself.
 */
export class WorkerThread {
  readonly worker: Worker;
  /** It has come up. */
  up = false;
  /** How it ended: what it threw, and its exit code, where that says it better. */
  error: unknown = new Error('How the worker thread ended is not known');
  exitCode: number | null = null;
  readonly #options: WorkerThreadOptions;
  readonly #pool: Piscina;
  readonly #exited: Promise<void>;
  #port: MessagePort | null = null;
  #ending = false;
  #keepsAlive = false;
  #onDisposed: (() => void) | null = null;

  /** @throws what keeps the machine from starting another thread. */
  constructor(options: WorkerThreadOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: WORKER_FILE,
      minThreads: 1,
      maxThreads: 1,
      // The synchronous wait of the default freezes timers and sockets that a task left behind.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: options.resourceLimits,
      workerData: options.boot,
    });
    this.worker = this.#pool.threads[0] as Worker;
    let threw = false;
    this.#pool.on('message', (message: HelloMessage | StrayMessage) => {
      if ('hello' in message) this.#onHello(message.hello);
      else options.onStray(this, message.stray);
    });
    // Without a listener, an error that a thread throws would end the host.
    this.#pool.on('error', (error) => {
      this.error = error;
      threw = true;
    });
    this.#pool.on('workerDestroy', () => {
      // Or it would start the next thread itself, where nobody could catch that there is none to be had.
      void this.#pool.destroy();
      if (this.#ending) return;
      this.#ending = true;
      options.onEnding(this);
    });
    this.#exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        if (!threw) this.exitCode = code;
        this.#drain();
        this.#onDisposed?.();
        options.onExit(this);
        resolve();
      });
    });
  }

  /** Sends it a chunk, with what of it moves, or what else it should know. @throws what keeps the message from being cloned. */
  post(message: HostMessage, moves?: readonly Movable[]): void {
    if (moves === undefined) this.#port?.postMessage(message);
    else postWith(moves, (transferList) => this.#port?.postMessage(message, transferList));
  }

  /** Whether the process stays alive for it. At first it does not. */
  keepAlive(keep: boolean): void {
    if (keep === this.#keepsAlive) return;
    this.#keepsAlive = keep;
    if (keep) this.#port?.ref();
    else this.#port?.unref();
  }

  /** Lets an idle thread dispose of what it keeps warm; not for long. */
  async dispose(): Promise<void> {
    if (this.#port === null || this.#ending) return;
    const disposed = deferred<void>();
    this.#onDisposed = disposed.resolve;
    const stop = this.#options.clock.after(DISPOSE_TIMEOUT_MS, disposed.resolve, true);
    this.post({ retire: true });
    await disposed.promise;
    stop();
    this.#onDisposed = null;
  }

  /** Ends it. Resolves when it has exited. */
  async destroy(): Promise<void> {
    this.#ending = true;
    await this.#pool.destroy();
    await this.#exited;
  }

  /** Resolves when it has exited. */
  exited(): Promise<void> {
    return this.#exited;
  }

  #onHello(port: MessagePort): void {
    this.up = true;
    this.#port = port;
    port.on('message', (message: ThreadMessage) => this.#onMessage(message));
    // Whose message that was is not known: its flight would never end.
    port.on('messageerror', (error: Error) => {
      this.error = error;
      void this.worker.terminate();
    });
    port.unref();
    this.#options.onUp(this);
  }

  #onMessage(message: ThreadMessage): void {
    if ('retired' in message) this.#onDisposed?.();
    else this.#options.onFlight(this, message);
  }

  /** What it had said before it was gone is heard, too. */
  #drain(): void {
    const port = this.#port;
    this.#port = null;
    if (port === null) return;
    for (;;) {
      const received = receiveMessageOnPort(port);
      if (received === undefined) break;
      this.#onMessage(received.message as ThreadMessage);
    }
    port.close();
  }
}
