import type { Worker } from 'node:worker_threads';
import type { ControlBlock, Counters } from './control-block.js';
import { guardExit } from './exit-guard.js';
import type { Chunk, Flight, FlightEvents, FlightOutcome } from './lanes.js';
import { type FlightEnd, type FlightMessage, type ModuleShape, type WakeMessage, serializeThrown } from './protocol.js';
import { threadTimeMs } from './thread-time.js';

/** What a flight asks of its lane. */
export interface FlightLane {
  wake(message: WakeMessage): void;
  /** It is told to stop, not for the first time perhaps. */
  onStopping(flight: ThreadFlight): void;
  onFlightOver(flight: ThreadFlight, end: FlightEnd | null): void;
  /** All that is known of it has been told, but for `onLeft`. `ms` is milliseconds of work, 0 where it is not known. */
  onAllTold(flight: ThreadFlight, ms: number, shape: ModuleShape | null, outcome: ChunkOutcome): void;
}

/** How the thread of a flight ended. */
export interface ThreadEnd {
  readonly error: unknown;
  /** Null where there is none, or it is not known. */
  readonly exitCode: number | null;
}

/** What became of a chunk. */
export type ChunkOutcome = FlightOutcome['kind'];

// From the best to the worst.
const OUTCOMES: readonly ChunkOutcome[] = ['stopped', 'returned', 'planned', 'threw', 'unsendable', 'lost'];
const RANKS = { returned: 1, planned: 2, threw: 3, unsendable: 4, lost: 5 } as const;

/** Not known where the member is over, or nothing was begun. */
const NOTHING_COUNTED: Counters = { done: 0, total: Number.NaN, beats: 0 };

/** A chunk on a thread, or on its way there while the thread still starts. */
export class ThreadFlight implements Flight {
  readonly epoch: number;
  readonly chunk: Chunk;
  readonly #control: ControlBlock;
  readonly #lane: FlightLane;
  readonly #events: FlightEvents;
  /** Whether a member was told of. */
  readonly #told: boolean[];
  /** How many members have not been taken back. */
  #wanted: number;
  /** The lane has left it. */
  #over = false;
  #ended = false;
  #killed = false;
  /** Of its members' outcomes the worst. */
  #rank = 0;
  #worker: Worker | null = null;
  #unguard: (() => void) | null = null;

  constructor(epoch: number, chunk: Chunk, control: ControlBlock, events: FlightEvents, lane: FlightLane) {
    const members = chunk.taskIds.length;
    this.epoch = epoch;
    this.chunk = chunk;
    this.#control = control;
    this.#events = events;
    this.#lane = lane;
    this.#wanted = members;
    this.#told = members === 1 ? [false] : Array.from({ length: members }, () => false);
  }

  /** It is on its thread now. One that is not killable keeps the process from exiting under it. */
  launched(worker: Worker, killable: boolean): void {
    this.#worker = worker;
    if (killable) return;
    this.#unguard = guardExit({
      cancel: () => {
        for (const member of this.#told.keys()) this.cancel(member);
      },
      waitUntilLeft: (timeoutMs) => void this.#control.waitUntilLeft(this.epoch, timeoutMs),
    });
  }

  isOn(worker: Worker): boolean {
    return this.#worker === worker;
  }

  /** The thread has exited, whether or not anybody was told. */
  get threadGone(): boolean {
    // A thread that is gone has no id any more.
    return this.#worker?.threadId === -1;
  }

  cancel(member = 0): void {
    // Work that has not begun is simply taken back; the thread then leaves at once.
    if (this.#over || this.takeBack(member)) return;
    if (!this.#control.ask(this.epoch, member)) return;
    this.#lane.onStopping(this);
    this.#lane.wake({ cancel: this.epoch, member });
  }

  takeBack(member: number): boolean {
    if (this.#over || !this.#control.takeBack(this.epoch, member)) return false;
    this.#wanted--;
    // Nobody needs the thread any more that it waits for.
    if (this.#wanted === 0 && this.#worker === null) this.#end(0, null);
    else if (this.#wanted === 0) this.#lane.onStopping(this);
    return true;
  }

  kill(): void {
    if (this.#over) return;
    this.#killed = true;
    this.#lane.onStopping(this);
    // Its own thread: the lane may have the next one already while this one still ends.
    if (this.#worker !== null) void this.#worker.terminate();
    else this.lose({ error: new Error('The thread had not started yet'), exitCode: null });
  }

  hasBegun(member: number): boolean {
    return this.#told[member] === true || (!this.#over && this.#control.isClaimed(this.epoch, member));
  }

  sample(): Counters {
    return this.#over ? NOTHING_COUNTED : this.#control.sample();
  }

  /** The thread tells of it. */
  heard({ member = 0, outcome, values = [], begunAtMs = [], notes, left }: FlightMessage): void {
    // First of all: the thread should not wait for what the host makes of its answer.
    if (left !== undefined) this.#giveLaneBack(left);
    if (notes !== undefined) this.#events.onNotes(notes, member);
    if (outcome !== undefined) this.#tell(member, outcome);
    const now = begunAtMs.length > 0 ? threadTimeMs() : 0;
    for (let at = 0; at < values.length; at++) {
      this.#tell(member + at, { kind: 'returned', value: values[at], done: 0 }, now - (begunAtMs[at] ?? now));
    }
    if (left !== undefined) this.#end(left.ms, left.shape ?? null);
  }

  unsendable(error: unknown): void {
    const thrown = serializeThrown(error);
    for (const member of this.#told.keys()) this.#tell(member, { kind: 'unsendable', error: thrown });
    this.#end(0, null);
  }

  /** The thread is gone. Ask before another flight is launched. */
  lose({ error, exitCode }: ThreadEnd): void {
    if (this.#over) return;
    const launched = this.#worker !== null;
    // What an earlier task had left behind has ended the thread, or it never was on one.
    const blameless = !launched || this.#control.isStrayExit(this.epoch);
    const outOfMemory = (error as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const lost = {
      kind: 'lost',
      exitCode: this.#killed ? null : exitCode,
      error: exitCode === null ? serializeThrown(error) : null,
      reason: this.#killed ? 'killed' : outOfMemory ? 'out-of-memory' : 'exited',
      loading: !blameless && this.#control.loading,
    } as const;
    // Members run one after another: the last one that was begun is the one that the thread was at.
    const present = blameless ? -1 : this.present;
    for (const member of this.#told.keys()) {
      const claimed = member === present;
      this.#tell(member, { ...lost, claimed, done: claimed ? this.#control.sample().done : 0 });
    }
    this.#end(0, launched ? this.#control.shape() : null);
  }

  /** The place of the member that the thread is at; −1 before it has begun. */
  get present(): number {
    let member = this.#told.length - 1;
    while (member >= 0 && !this.#control.isClaimed(this.epoch, member)) member--;
    return member;
  }

  /** The tasks that are not over: the one that the thread is at and those after it, without those that were taken back. */
  get carried(): readonly string[] {
    const { present } = this;
    return this.chunk.taskIds.filter((_, at) => at >= present && !this.#control.isTakenBack(this.epoch, at));
  }

  #tell(member: number, outcome: FlightOutcome, ageMs = 0): void {
    if (this.#told[member] !== false) return;
    this.#told[member] = true;
    // That a member was taken back says nothing of the others.
    if (outcome.kind !== 'stopped') this.#rank = Math.max(this.#rank, RANKS[outcome.kind]);
    this.#events.onOutcome(outcome, member, ageMs);
  }

  #end(ms: number, shape: ModuleShape | null): void {
    if (this.#ended) return;
    this.#ended = true;
    for (let member = 0; member < this.#told.length; member++) {
      if (this.#told[member] === false) this.#tell(member, { kind: 'stopped', begun: false });
    }
    this.#giveLaneBack(null);
    this.#lane.onAllTold(this, ms, shape, OUTCOMES[this.#rank] ?? 'stopped');
    this.#events.onLeft(ms, shape);
  }

  #giveLaneBack(end: FlightEnd | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#unguard?.();
    this.#lane.onFlightOver(this, end);
  }
}
