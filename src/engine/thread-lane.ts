import type { ResourceLimits } from 'node:worker_threads';
import type { Clock, StopTimer } from './clock.js';
import { ControlBlock } from './control-block.js';
import { LaneWatch } from './lane-watch.js';
import type { Chunk, Flight, FlightEvents } from './lanes.js';
import type {
  ChunkMessage,
  FlightEnd,
  FlightMessage,
  ModuleShape,
  StrayMessage,
  WakeMessage,
  WorkerBoot,
} from './protocol.js';
import { type ChunkOutcome, type FlightLane, type ThreadEnd, ThreadFlight } from './thread-flight.js';
import type { LaneView, ThreadState } from './thread-snapshot.js';
import { type RecycleLimits, ThreadWear } from './thread-wear.js';
import { WorkerThread } from './worker-thread.js';

const MAX_BOOT_FAILURES = 3;
const BOOT_RETRY_MS = 100;

/**
 * `cold`: no thread; `booting`: its thread is not up yet; `idle`; `busy`: has a flight, which may wait for a new thread;
 * `broken`: its thread failed to boot again and again, a chunk sent to it is lost at once; `closed`: for good.
 */
export type LaneState = 'cold' | 'booting' | 'idle' | 'busy' | 'broken' | 'closed';

/** Who is told of all chunks on all lanes, but of those that only load a module. */
export interface ChunkObserver {
  /** It is on its way. */
  onChunkSent(lane: number, chunk: Chunk): void;
  /** It is over. `ms` is milliseconds of work on the thread, 0 where that is not known. */
  onChunkOver(lane: number, chunk: Chunk, ms: number, outcome: ChunkOutcome): void;
}

export interface ThreadLaneOptions {
  /** The number of the lane. */
  readonly id: number;
  readonly types: WorkerBoot['types'];
  readonly resourceLimits: ResourceLimits;
  readonly nice: number;
  readonly recycle: RecycleLimits;
  readonly clock: Clock;
  readonly chunks: ChunkObserver;
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
  /** Numbers of those of them that it has worked for, which may keep something warm there. */
  readonly usedBy: Set<number> = new Set();
  /** It gets no other thread when this one ends. */
  leaving = false;
  readonly #options: ThreadLaneOptions;
  readonly #control = new ControlBlock();
  readonly #watch: LaneWatch;
  #thread: WorkerThread | null = null;
  #epoch = 0;
  #flight: ThreadFlight | null = null;
  /** What the flight carries, while it waits for a new thread. */
  #waiting: Chunk | null = null;
  #wear: ThreadWear;
  /** Tasks of which the thread keeps a decoded input. */
  readonly #inputs = new Set<string>();
  #bootFailures = 0;
  #bootError: unknown = null;
  #stopRetry: StopTimer | null = null;
  #ending: Promise<void> | null = null;
  /** A thread that ended by itself, while it is not gone yet. */
  #exiting: WorkerThread | null = null;
  #closed: Promise<void> | null = null;

  constructor(options: ThreadLaneOptions) {
    this.#options = options;
    this.#watch = new LaneWatch(options.clock);
    this.#wear = new ThreadWear(options.recycle.afterTasks);
  }

  /** Whether a thread lives here, booting ones included. */
  get live(): boolean {
    return this.#thread?.up === true || this.#waiting !== null || this.state === 'booting';
  }

  get id(): number {
    return this.#options.id;
  }

  /** Starts the thread. */
  boot(): void {
    this.#stopRetry?.();
    this.#stopRetry = null;
    this.#control.forgetHeap();
    this.#becomeBooting();
    const { types, recycle, nice, resourceLimits, clock } = this.#options;
    try {
      this.#thread = new WorkerThread({
        boot: { control: this.#control.buffer, types, heapMb: recycle.heapMb, nice },
        resourceLimits,
        clock,
        onUp: (thread) => this.#thread === thread && this.#onThreadUp(thread),
        onFlight: (_, message) => this.#onFlight(message),
        onStray: (thread, stray) => this.#onStray(stray, this.#thread === thread),
        onEnding: (thread) => this.#thread === thread && this.#onThreadEnding(thread),
        onExit: (thread) => this.#onThreadExit(thread),
      });
    } catch (error) {
      this.#bootError = error;
      this.#bootFailed();
    }
  }

  send(chunk: Chunk, events: FlightEvents): Flight {
    this.#epoch = ControlBlock.nextEpoch(this.#epoch);
    const flight = new ThreadFlight(this.#epoch, chunk, this.#control, events, this);
    if (chunk.phase !== 'load') this.#options.chunks.onChunkSent(this.id, chunk);
    const thread = this.#thread;
    if (thread === null) {
      queueMicrotask(() => flight.lose(this.#noThread()));
      return flight;
    }

    this.state = 'busy';
    this.#flight = flight;
    this.#control.launch(this.#epoch, chunk.taskIds.length);
    this.#watch.sent(this.#pulseOf(flight));
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
    if (chunk.shared !== undefined) this.#inputs.add(chunk.taskIds[0] as string);
    this.warmTypes.add(chunk.type);
    if (chunk.phase !== 'load') this.usedBy.add(chunk.type);
    thread.keepAlive(true);
    try {
      thread.post(messageOf(chunk, flight.epoch), chunk.moves);
    } catch (error) {
      queueMicrotask(() => flight.unsendable(error));
    }
  }

  #noThread(): ThreadEnd {
    return { error: this.#bootError ?? new Error('The worker thread did not start'), exitCode: null };
  }

  wake(message: WakeMessage): void {
    this.#thread?.post(message);
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
    await this.#exiting?.exited();
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
    this.usedBy.clear();
    this.#inputs.clear();
    return thread;
  }

  #onFlight(message: FlightMessage): void {
    const flight = this.#flight;
    if (flight?.epoch !== message.epoch) return;
    // Node remembers that a module failed to load. A new thread does not.
    const { outcome } = message;
    if (outcome?.kind === 'threw' && outcome.code === 'TASK_MODULE_FAILED') this.#wear.spoil();
    flight.heard(message);
  }

  /** `present` is false where the thread is one that this lane has given up. */
  #onStray(stray: StrayMessage['stray'], present: boolean): void {
    this.#options.onStray(stray);
    if (!present) return;
    this.#wear.spoil();
    if (this.state === 'idle') this.#replace();
  }

  #onThreadUp(thread: WorkerThread): void {
    const [flight, chunk] = [this.#flight, this.#waiting];
    this.#bootFailures = 0;
    this.#waiting = null;
    if (flight !== null && chunk !== null) this.#launch(thread, flight, chunk);
    else this.#idle();
  }

  #idle(): void {
    this.state = 'idle';
    this.idleSince = this.#options.clock.monotonic();
    this.#options.onChange();
  }

  /** Looks whether its flight shows signs of life. */
  look(): void {
    if (this.#flight !== null) this.#watch.look(this.#pulseOf(this.#flight));
  }

  /** Changes with each sign of life: what the work counts or says, and that the next of its members has begun. */
  #pulseOf(flight: ThreadFlight): number {
    return this.#control.beats + flight.present;
  }

  /** What is to be seen of it. */
  view(): LaneView {
    const flight = this.#flight;
    return {
      id: this.id,
      state: this.#shownState(),
      heapUsedBytes: this.#thread === null ? null : this.#control.heapUsedBytes,
      flight:
        flight === null
          ? null
          : {
              chunk: asSeen(flight.chunk, this.#control.shape()),
              taskIds: flight.carried,
              present: flight.chunk.taskIds[Math.max(0, flight.present)] as string,
              ...this.#watch.sight(this.#pulseOf(flight)),
            },
    };
  }

  #shownState(): ThreadState {
    // A thread that dies has its flight until it is gone.
    if (this.#flight !== null) return 'busy';
    switch (this.state) {
      case 'cold':
      case 'closed':
        return 'stopped';
      case 'booting':
        return this.#isLeaving ? 'stopped' : 'starting';
      default:
        return this.state;
    }
  }

  onStopping(flight: ThreadFlight): void {
    if (this.#flight === flight) this.#watch.stopped();
  }

  onAllTold({ chunk }: ThreadFlight, ms: number, shape: ModuleShape | null, outcome: ChunkOutcome): void {
    if (chunk.phase !== 'load') this.#options.chunks.onChunkOver(this.id, asSeen(chunk, shape), ms, outcome);
  }

  onFlightOver(flight: ThreadFlight, end: FlightEnd | null): void {
    if (this.#flight !== flight) return;
    this.#flight = null;
    this.#thread?.keepAlive(false);
    if (end?.overHeap === true) this.#wear.spoil();
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

  /** Loses the flight whose thread has exited without anyone having been told; returns how many. */
  check(): number {
    const flight = this.#flight;
    if (flight?.threadGone !== true) return 0;
    this.#startAnew();
    flight.lose({ error: new Error('The worker thread is gone, and how it ended is not known'), exitCode: null });
    return 1;
  }

  /** Another thread in the place of one whose pool does not know that it is gone: that would wait for ever. */
  #startAnew(): void {
    void this.#forgetThread()?.destroy();
    this.boot();
  }

  /** The thread ends, in whatever way; what it had said may still come. */
  #onThreadEnding(thread: WorkerThread): void {
    this.#forgetThread();
    this.#becomeBooting();
    this.#exiting = thread;
    this.#options.onChange();
  }

  /** The thread is gone. Another one starts only now: there are never two. */
  #onThreadExit(thread: WorkerThread): void {
    const { error, exitCode } = thread;
    if (this.#flight?.isOn(thread.worker) === true) this.#flight.lose({ error, exitCode });
    if (this.#exiting !== thread) return;
    this.#exiting = null;
    this.#control.setLoading(false);
    if (this.#closed !== null || this.#ending !== null || this.#thread !== null) return;
    if (this.#isLeaving) {
      this.state = 'cold';
    } else if (thread.up) {
      this.boot();
    } else {
      // Where it had never come up, the next one may fare no better.
      this.#bootError = error;
      this.#bootFailed();
    }
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

/** Work in one piece is sent as a `plan` before it is known to be that. */
function asSeen(chunk: Chunk, shape: ModuleShape | null): Chunk {
  return chunk.phase === 'plan' && shape?.kind === 'task' ? { ...chunk, phase: 'run' } : chunk;
}

function messageOf(chunk: Chunk, epoch: number): ChunkMessage {
  const { type, phase, describe, boxMs, attempt, taskIds, inputs, shared, from, to, items, offset, parts } = chunk;
  const message: ChunkMessage = { epoch, type, phase, describe, boxMs, attempt, taskIds, inputs };
  // A key without a value would cost as much as one with one.
  if (shared !== undefined) message.shared = shared;
  if (to > from || parts !== undefined) message.slice = { from, to, items, offset, parts };
  return message;
}
