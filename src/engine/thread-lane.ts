import type { ResourceLimits } from 'node:worker_threads';
import type { Clock, StopTimer } from './clock.js';
import { ControlBlock } from './control-block.js';
import type { Chunk, Flight } from './lanes.js';
import type {
  ChunkMessage,
  FlushMessage,
  MemberOutcome,
  Notes,
  StrayMessage,
  WakeMessage,
  WorkerBoot,
} from './protocol.js';
import { type FlightLane, type ThreadEnd, ThreadFlight, neverLaunched } from './thread-flight.js';
import { type RecycleLimits, ThreadWear } from './thread-wear.js';
import { WorkerThread } from './worker-thread.js';

const MAX_BOOT_FAILURES = 3;
const BOOT_RETRY_MS = 100;

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
 * One lane: one thread after another, never two at once. Each has a Piscina pool of its own, because then we choose the
 * thread and not a pool's queue, and a death or a failure to start is this lane's alone.
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
  #thread: WorkerThread | null = null;
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
    return this.#thread?.worker != null || this.#waiting !== null || this.state === 'booting';
  }

  /** Starts the thread. */
  boot(): void {
    this.#stopRetry?.();
    this.#stopRetry = null;
    this.#becomeBooting();
    const { types, recycle, resourceLimits, clock } = this.#options;
    try {
      this.#thread = new WorkerThread({
        boot: { control: this.#control.buffer, types, heapMb: recycle.heapMb },
        resourceLimits,
        clock,
        onUp: (thread) => this.#thread === thread && this.#onThreadUp(),
        onGone: (thread) => this.#thread === thread && this.#onThreadGone(thread),
        onMessage: (thread, message) => this.#onMessage(message, this.#thread === thread),
      });
    } catch (error) {
      this.#bootError = error;
      this.#bootFailed();
    }
  }

  send(chunk: Chunk, onNotes: (notes: Notes) => void): Flight {
    this.#epoch = ControlBlock.nextEpoch(this.#epoch);
    const flight = new ThreadFlight(this.#epoch, this.#control, onNotes, this);
    const thread = this.#thread;
    if (thread === null) {
      flight.lose(this.#noThread());
      return flight;
    }

    this.state = 'busy';
    this.#flight = flight;
    this.#flights.add(flight);
    this.#control.launch(this.#epoch, 1);
    if (this.#wear.fits(chunk)) {
      this.#launch(thread, flight, chunk);
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

  #launch(thread: WorkerThread, flight: ThreadFlight, chunk: Chunk): void {
    flight.launched(thread.worker, chunk.killable);
    this.#wear.began(chunk);
    if ('shared' in chunk.input) this.#inputs.add(chunk.taskId);
    thread.run(messageOf(chunk, flight.epoch)).then(
      (answer) => {
        // Piscina takes `null` for "no error", so that an uncaught `throw null` looks like an answer.
        if (answer === null || answer === undefined) return this.#onRunRejected(flight, thread, answer);
        // Node remembers that a module failed to load. A new thread does not.
        if (answer.outcomes.some(isModuleFailure)) this.#wear.spoil();
        else this.warmTypes.add(chunk.type);
        if (answer.overHeap === true) this.#wear.spoil();
        flight.answered(answer);
      },
      (error: unknown) => this.#onRunRejected(flight, thread, error),
    );
  }

  #noThread(): ThreadEnd {
    const error = this.#bootError ?? new Error('The worker thread did not start');
    return neverLaunched(error);
  }

  wake(message: WakeMessage): void {
    this.#thread?.wake(message);
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
      // Not idle any more, so that no chunk is sent meanwhile.
      this.#becomeBooting();
      await this.#thread?.dispose();
      await this.#destroy(becomes);
    } finally {
      this.#ending = null;
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
    const thread = this.#forgetThread();
    this.#becomeBooting();
    await thread?.destroy();
    await this.#exiting;
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

  #forgetThread(): WorkerThread | null {
    const thread = this.#thread;
    this.#thread = null;
    this.#wear = new ThreadWear(this.#options.recycle.afterTasks);
    this.warmTypes.clear();
    this.#inputs.clear();
    return thread;
  }

  /** `present` is false where the thread is one that this lane has given up. */
  #onMessage(message: FlushMessage | StrayMessage, present: boolean): void {
    if ('stray' in message) {
      this.#options.onStray(message.stray);
      if (present) this.#wear.spoil();
      if (present && this.state === 'idle') this.#replace();
    } else {
      for (const flight of this.#flights) if (flight.epoch === message.epoch) flight.flushed(message);
    }
  }

  #onThreadUp(): void {
    const [thread, flight, chunk] = [this.#thread, this.#flight, this.#waiting];
    this.#bootFailures = 0;
    this.#waiting = null;
    if (thread !== null && flight !== null && chunk !== null) this.#launch(thread, flight, chunk);
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

  /** Another thread in the place of one whose pool does not know that it is gone: that would wait for ever. */
  #startAnew(): void {
    void this.#forgetThread()?.destroy();
    this.#control.setLoading(false);
    this.boot();
  }

  #onRunRejected(flight: ThreadFlight, thread: WorkerThread, error: unknown): void {
    if (thread.lives) return flight.unsendable(error);
    const exitCode = exitCodeOf(error);
    const end = flight.endOf(error, exitCode);
    if (this.#flight === flight) this.#control.setLoading(false);
    // An exit is reported when it has happened; an uncaught error is reported while the thread still ends.
    void thread.exited().then(() => flight.lose(end));
  }

  /** The thread ends, in whatever way. */
  #onThreadGone(thread: WorkerThread): void {
    this.#bootError = thread.error ?? this.#bootError;
    this.#forgetThread();
    this.#becomeBooting();
    this.#exiting = this.#startNext(thread);
    this.#options.onChange();
  }

  /** Starts another thread when the last one is really gone: there are never two. */
  async #startNext(last: WorkerThread): Promise<void> {
    await last.exited();
    if (this.#closed !== null || this.#ending !== null || this.#thread !== null) return;
    if (this.#isLeaving) this.state = 'cold';
    else if (last.worker !== null) this.boot();
    // Where the last one had never come up, the next one may fare no better.
    else this.#bootFailed();
    this.#options.onChange();
  }

  #bootFailed(): void {
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

function isModuleFailure(outcome: MemberOutcome | undefined): boolean {
  return outcome?.kind === 'threw' && outcome.code === 'TASK_MODULE_FAILED';
}

const EXITED = /^worker exited with code: (-?\d+)$/;

function exitCodeOf(error: unknown): number | null {
  const match = error instanceof Error ? EXITED.exec(error.message) : null;
  return match === null ? null : Number(match[1]);
}
