import type { MessagePort, ResourceLimits, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Clock, StopTimer } from './clock.js';
import { ControlBlock } from './control-block.js';
import { deferred } from './deferred.js';
import type { Chunk, Flight } from './lanes.js';
import type {
  ChunkAnswer,
  ChunkMessage,
  MemberOutcome,
  Notes,
  StrayMessage,
  ThreadMessage,
  WakeMessage,
  WorkerBoot,
} from './protocol.js';
import { type FlightLane, type ThreadEnd, ThreadFlight, neverLaunched } from './thread-flight.js';
import { type RecycleLimits, ThreadWear } from './thread-wear.js';

const WORKER_FILE = fileURLToPath(new URL('./worker-entry.cjs', import.meta.url));
const MAX_BOOT_FAILURES = 3;
const BOOT_RETRY_MS = 100;
const DISPOSE_TIMEOUT_MS = 1_000;

/**
 * `cold`: no thread; `booting`: its thread is not up yet; `idle`; `busy`: has a flight, which may wait for a new thread;
 * `broken`: its thread failed to boot again and again, a chunk sent to it is lost at once; `closed`: for good.
 */
export type LaneState = 'cold' | 'booting' | 'idle' | 'busy' | 'broken' | 'closed';

export interface ThreadLaneOptions {
  readonly types: WorkerBoot['types'];
  readonly resourceLimits: ResourceLimits;
  readonly recycle: RecycleLimits;
  readonly clock: Clock;
  readonly onStray: (stray: StrayMessage['stray']) => void;
  readonly onChange: () => void;
}

/**
 * One lane: a Piscina pool of exactly one thread.
 *
 * A pool for each lane, because then we choose the thread and not the pool's queue; a death is refilled in this lane
 * and nowhere else; and a pool that gave up (Piscina stops refilling once a thread failed to boot) is made anew
 * without touching the neighbours. No signal is ever given to `piscina.run`: aborting rejects at once while the thread
 * works on. The thread is terminated instead, and Piscina's rejection at its exit is the truth.
 */
export class ThreadLane implements FlightLane {
  state: LaneState = 'cold';
  /** Milliseconds on the monotonic clock since it has been idle. */
  idleSince = 0;
  /** Numbers of the task types whose modules this thread has loaded. */
  readonly warmTypes: Set<number> = new Set();
  /** It gets no other thread when this one ends. */
  leaving = false;
  readonly #options: ThreadLaneOptions;
  readonly #control = new ControlBlock();
  #pool: Piscina<ChunkMessage, ChunkAnswer> | null = null;
  #worker: Worker | null = null;
  #wakePort: MessagePort | null = null;
  #epoch = 0;
  #flight: ThreadFlight | null = null;
  /** What the flight carries, while it waits for a new thread. */
  #waiting: Chunk | null = null;
  /** Flights that are not over: one whose thread still ends may not be the present one any more. */
  readonly #flights = new Set<ThreadFlight>();
  #wear: ThreadWear;
  /** Tasks of which the thread keeps a decoded input. */
  readonly #inputs = new Set<string>();
  #bootFailures = 0;
  #bootError: unknown = null;
  #stopRetry: StopTimer | null = null;
  #onRetired: (() => void) | null = null;
  #ending: Promise<void> | null = null;
  /** Resolves when a thread that ended by itself is gone. */
  #exiting: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: ThreadLaneOptions) {
    this.#options = options;
    this.#wear = new ThreadWear(options.recycle.afterTasks);
  }

  /** Whether a thread lives here, booting ones included. */
  get live(): boolean {
    return this.#worker !== null || this.#waiting !== null || this.state === 'booting';
  }

  /** Starts the thread. */
  boot(): void {
    this.#stopRetry?.();
    this.#stopRetry = null;
    this.#becomeBooting();
    try {
      const { types, recycle } = this.#options;
      const boot: WorkerBoot = { control: this.#control.buffer, types, heapMb: recycle.heapMb };
      const pool = new Piscina<ChunkMessage, ChunkAnswer>({
        filename: WORKER_FILE,
        minThreads: 1,
        maxThreads: 1,
        // The synchronous wait of the default freezes timers and sockets that a task left behind.
        atomics: 'disabled',
        recordTiming: false,
        resourceLimits: this.#options.resourceLimits,
        workerData: boot,
      });
      this.#pool = pool;
      pool.on('message', (message: ThreadMessage) => {
        if (this.#pool === pool) this.#onMessage(message);
      });
      // Without a listener, an error that a thread throws between two chunks would end the host.
      pool.on('error', (error) => {
        if (this.#pool === pool) this.#bootError = error;
      });
      pool.on('workerDestroy', () => {
        // Or it would start the next thread itself, where nobody could catch that there is none to be had.
        void pool.destroy();
        queueMicrotask(() => this.#onThreadGone(pool));
      });
    } catch (error) {
      this.#bootError = error;
      this.#bootFailed();
    }
  }

  send(chunk: Chunk, onNotes: (notes: Notes) => void): Flight {
    this.#epoch = ControlBlock.nextEpoch(this.#epoch);
    const flight = new ThreadFlight(this.#epoch, this.#control, onNotes, this);
    if (this.#pool === null) {
      flight.lose(this.#noThread());
      return flight;
    }

    this.state = 'busy';
    this.#flight = flight;
    this.#flights.add(flight);
    this.#control.launch(this.#epoch, 1);
    if (this.#wear.fits(chunk)) {
      this.#launch(this.#pool, flight, chunk);
    } else {
      this.#waiting = chunk;
      this.#replace();
    }
    return flight;
  }

  /** Whether a chunk could run here without a new thread. */
  fits(chunk: Chunk): boolean {
    return this.#wear.fits(chunk);
  }

  #launch(pool: Piscina<ChunkMessage, ChunkAnswer>, flight: ThreadFlight, chunk: Chunk): void {
    const worker = this.#worker;
    flight.launched(worker, chunk.killable);
    this.#wear.began(chunk);
    if ('shared' in chunk.input) this.#inputs.add(chunk.taskId);
    pool.run(messageOf(chunk, flight.epoch)).then(
      (answer: ChunkAnswer | null | undefined) => {
        // Piscina takes `null` for "no error", so that an uncaught `throw null` looks like an answer.
        if (answer === null || answer === undefined) return this.#onRunRejected(flight, worker, answer);
        // Node remembers that a module failed to load. A new thread does not.
        if (answer.outcomes.some(isModuleFailure)) this.#wear.spoil();
        else this.warmTypes.add(chunk.type);
        if (answer.overHeap === true) this.#wear.spoil();
        flight.answered(answer);
      },
      (error: unknown) => this.#onRunRejected(flight, worker, error),
    );
  }

  #noThread(): ThreadEnd {
    const error = this.#bootError ?? new Error('The worker thread did not start');
    return neverLaunched(error);
  }

  wake(message: WakeMessage): void {
    this.#wakePort?.postMessage(message);
  }

  /** Lets the thread dispose of what it keeps warm, then ends it. The lane is cold afterwards. */
  retire(): Promise<void> {
    return this.#endThread('cold');
  }

  /** The same, and starts a new one at once. */
  #replace(): void {
    void this.#endThread('booting');
  }

  #endThread(becomes: 'cold' | 'booting'): Promise<void> {
    this.#ending ??= this.#disposeAndDestroy(becomes);
    return this.#ending;
  }

  async #disposeAndDestroy(becomes: 'cold' | 'booting'): Promise<void> {
    try {
      await this.#dispose();
      await this.#destroy(becomes);
    } finally {
      this.#ending = null;
    }
  }

  /** Lets an idle thread dispose of what it keeps warm. */
  async #dispose(): Promise<void> {
    // Not idle any more, so that no chunk is sent meanwhile.
    this.#becomeBooting();
    if (this.#wakePort !== null) {
      const retired = deferred<void>();
      this.#onRetired = retired.resolve;
      const stop = this.#options.clock.after(DISPOSE_TIMEOUT_MS, retired.resolve, true);
      this.wake({ retire: true });
      await retired.promise;
      stop();
      this.#onRetired = null;
    }
  }

  /** Ends the thread for good, in order where it is idle. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.state === 'idle' || this.#ending !== null) await this.retire();
    await this.#destroy('closed');
  }

  async #destroy(becomes: 'cold' | 'booting' | 'closed'): Promise<void> {
    this.#stopRetry?.();
    this.#stopRetry = null;
    const pool = this.#pool;
    this.#pool = null;
    this.#becomeBooting();
    await pool?.destroy();
    await this.#exiting;
    this.#forgetThread();
    if (becomes === 'booting' && this.#closed === null && !this.#isLeaving) return this.boot();
    this.state = becomes === 'booting' ? 'cold' : becomes;
    this.#options.onChange();
  }

  /** Nobody waits for another thread here. */
  get #isLeaving(): boolean {
    return this.leaving && this.#waiting === null;
  }

  /** The state while there is no thread that could take a chunk, but there will be. */
  #becomeBooting(): void {
    this.state = this.#waiting === null ? 'booting' : 'busy';
  }

  #forgetThread(): void {
    this.#worker = null;
    this.#wakePort?.close();
    this.#wakePort = null;
    this.#wear = new ThreadWear(this.#options.recycle.afterTasks);
    this.warmTypes.clear();
    this.#inputs.clear();
  }

  #onMessage(message: ThreadMessage): void {
    if ('hello' in message) {
      const worker = this.#pool?.threads[0] ?? null;
      // What a thread that died at once had still to say is heard when the next one boots already.
      if (this.#wakePort !== null || worker?.threadId !== message.threadId) return;
      this.#worker = worker;
      this.#wakePort = message.hello;
      message.hello.unref();
      this.#bootFailures = 0;
      this.#onThreadUp();
    } else if ('stray' in message) {
      this.#options.onStray(message.stray);
      // It may come from the thread before this one, which has died meanwhile.
      if (this.#wakePort !== null) this.#wear.spoil();
      if (this.state === 'idle') this.#replace();
    } else if ('retired' in message) {
      this.#onRetired?.();
    } else if (this.#flight?.epoch === message.epoch) {
      this.#flight.flushed(message);
    }
  }

  #onThreadUp(): void {
    const [pool, flight, chunk] = [this.#pool, this.#flight, this.#waiting];
    this.#waiting = null;
    if (pool !== null && flight !== null && chunk !== null) this.#launch(pool, flight, chunk);
    else this.#idle();
  }

  #idle(): void {
    this.state = 'idle';
    this.idleSince = this.#options.clock.monotonic();
    this.#options.onChange();
  }

  onFlightOver(flight: ThreadFlight): void {
    // The thread may have died and its successor may have a flight already.
    this.#flights.delete(flight);
    if (this.#flight !== flight) return;
    this.#flight = null;
    if (this.#waiting !== null) {
      // It was called off before its thread was up, which nobody ends while it starts.
      this.#waiting = null;
      this.#becomeBooting();
      this.#options.onChange();
    } else if (this.state === 'busy') {
      if (this.#wear.worn) this.#replace();
      else this.#idle();
    }
  }

  /** A task has settled, wherever it ran. */
  forget(taskId: string): void {
    if (this.#inputs.delete(taskId)) this.wake({ forget: taskId });
    this.#wear.settled(taskId);
    if (this.state === 'idle' && this.#wear.worn) this.#replace();
  }

  /** Loses the flights whose thread has exited without anyone having been told; returns how many. */
  check(): number {
    const gone = [...this.#flights].filter((flight) => flight.threadGone);
    for (const flight of gone) {
      const error = new Error('The worker thread is gone, and how it ended is not known');
      const end = flight.endOf(error, null);
      if (flight === this.#flight && this.state === 'busy') this.#startAnew();
      flight.lose(end);
    }
    return gone.length;
  }

  /** Another pool in the place of one that does not know that its thread is gone: it would wait for ever. */
  #startAnew(): void {
    void this.#pool?.destroy();
    this.#pool = null;
    this.#forgetThread();
    this.#control.setLoading(false);
    this.boot();
  }

  #onRunRejected(flight: ThreadFlight, worker: Worker | null, error: unknown): void {
    // Piscina drops a thread before it rejects what ran on it. One that it keeps never got the message.
    if (worker !== null && this.#pool?.threads.includes(worker) === true) {
      flight.unsendable(error);
      return;
    }
    const exitCode = exitCodeOf(error);
    const end = flight.endOf(error, exitCode);
    if (this.#flight === flight) this.#control.setLoading(false);
    // An exit is reported when it has happened; an uncaught error is reported while the thread still ends.
    const left = exitCode !== null || worker === null ? Promise.resolve() : exitOf(worker);
    void left.then(() => flight.lose(end));
  }

  /** The thread ends, in whatever way. */
  #onThreadGone(pool: Piscina): void {
    if (this.#pool !== pool) return;
    const wasUp = this.#wakePort !== null;
    const worker = this.#worker;
    this.#pool = null;
    this.#forgetThread();
    this.#onRetired?.();
    this.#becomeBooting();
    this.#exiting = this.#startNext(worker, wasUp);
    this.#options.onChange();
  }

  /** Starts another thread when the last one is really gone: there are never two. */
  async #startNext(last: Worker | null, wasUp: boolean): Promise<void> {
    if (last !== null) await exitOf(last);
    if (this.#closed !== null || this.#ending !== null || this.#pool !== null) return;
    if (this.#isLeaving) this.state = 'cold';
    else if (wasUp) this.boot();
    // Where the last one had never come up, the next one may fare no better.
    else this.#bootFailed();
    this.#options.onChange();
  }

  #bootFailed(): void {
    this.#pool = null;
    this.#bootFailures++;
    const broken = this.#bootFailures >= MAX_BOOT_FAILURES;
    if (broken) {
      this.state = 'broken';
      const flight = this.#waiting === null ? null : this.#flight;
      this.#waiting = null;
      flight?.lose(this.#noThread());
    }
    const delayMs = BOOT_RETRY_MS * 2 ** Math.min(this.#bootFailures, 8);
    this.#stopRetry = this.#options.clock.after(delayMs, () => this.boot());
    if (broken) this.#options.onChange();
  }
}

function messageOf(chunk: Chunk, epoch: number): ChunkMessage {
  const { taskId, attempt, input, from, to, items, offset, parts } = chunk;
  return {
    epoch,
    type: chunk.type,
    phase: chunk.phase,
    describe: chunk.describe,
    boxMs: chunk.boxMs,
    members: [{ taskId, attempt, input, from, to, items, offset, parts }],
  };
}

function exitOf(worker: Worker): Promise<void> {
  // A thread that is gone already has no id any more.
  if (worker.threadId === -1) return Promise.resolve();
  return new Promise((resolve) => void worker.once('exit', () => resolve()));
}

function isModuleFailure(outcome: MemberOutcome | undefined): boolean {
  return outcome?.kind === 'threw' && outcome.code === 'TASK_MODULE_FAILED';
}

const EXITED = /^worker exited with code: (-?\d+)$/;

function exitCodeOf(error: unknown): number | null {
  const match = error instanceof Error ? EXITED.exec(error.message) : null;
  return match === null ? null : Number(match[1]);
}
