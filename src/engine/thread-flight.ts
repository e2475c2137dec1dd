import type { Worker } from 'node:worker_threads';
import type { ControlBlock } from './control-block.js';
import { deferred } from './deferred.js';
import { guardExit } from './exit-guard.js';
import type { Flight, Outcome } from './lanes.js';
import {
  type ChunkAnswer,
  type FlushMessage,
  type MemberOutcome,
  type ModuleShape,
  type Notes,
  type WakeMessage,
  serializeThrown,
} from './protocol.js';

/** What a flight asks of its lane. */
export interface FlightLane {
  wake(message: WakeMessage): void;
  onFlightOver(flight: ThreadFlight): void;
}

/** How the thread of a flight ended. */
export interface ThreadEnd {
  readonly error: unknown;
  /** Null where there is none, or it is not known. */
  readonly exitCode: number | null;
  /** It ended while it loaded the task module. */
  readonly loading: boolean;
  /** False when the work had not begun, or it was not the work's doing. */
  readonly claimed: boolean;
  /** What the work had counted. */
  readonly done: number;
  /** What is known of the module. */
  readonly shape: ModuleShape | null;
}

/** The end of a flight that never was on a thread. */
export function neverLaunched(error: unknown): ThreadEnd {
  return { error, exitCode: null, loading: false, claimed: false, done: 0, shape: null };
}

/** A chunk on a thread, or on its way there while the thread still starts. */
export class ThreadFlight implements Flight {
  readonly outcome: Promise<Outcome>;
  readonly epoch: number;
  readonly #control: ControlBlock;
  readonly #lane: FlightLane;
  readonly #onNotes: (notes: Notes) => void;
  readonly #resolve: (outcome: Outcome) => void;
  #answer: ChunkAnswer | null = null;
  #outcome: MemberOutcome | undefined;
  #flushes = 0;
  #over = false;
  #killed = false;
  #worker: Worker | null = null;
  #unguard: (() => void) | null = null;

  constructor(epoch: number, control: ControlBlock, onNotes: (notes: Notes) => void, lane: FlightLane) {
    const { promise, resolve } = deferred<Outcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.epoch = epoch;
    this.#control = control;
    this.#onNotes = onNotes;
    this.#lane = lane;
  }

  /** It is on its thread now. One that is not killable keeps the process from exiting under it. */
  launched(worker: Worker | null, killable: boolean): void {
    this.#worker = worker;
    if (killable) return;
    this.#unguard = guardExit({
      cancel: () => this.cancel(),
      waitUntilLeft: (timeoutMs) => void this.#control.waitUntilLeft(this.epoch, timeoutMs),
    });
  }

  /** The thread has exited, whether or not anybody was told. */
  get threadGone(): boolean {
    // A thread that is gone has no id any more.
    return this.#worker?.threadId === -1;
  }

  cancel(): void {
    if (this.#over) return;
    if (this.#worker === null) return this.#close({ kind: 'stopped', begun: false, ms: 0, shape: null });
    this.#control.cancel(this.epoch);
    // Work that has not begun is simply taken back; the thread then answers at once.
    if (!this.#control.takeBack(this.epoch, 0)) this.#lane.wake({ cancel: this.epoch });
  }

  kill(): void {
    if (this.#over) return;
    this.#killed = true;
    // Its own thread: the lane may have the next one already while this one still ends.
    if (this.#worker !== null) void this.#worker.terminate();
    else this.lose(neverLaunched(new Error('The thread had not started yet')));
  }

  sample(): ReturnType<Flight['sample']> {
    return this.#over ? { done: 0, total: Number.NaN, beats: 0 } : this.#control.sample();
  }

  answered(answer: ChunkAnswer): void {
    this.#answer = answer;
    this.#outcome ??= answer.outcomes[0];
    this.#closeWhenComplete();
  }

  flushed(message: FlushMessage): void {
    this.#flushes++;
    if (message.notes !== undefined) this.#onNotes(message.notes);
    for (const [, outcome] of message.outcomes ?? []) this.#outcome = outcome;
    this.#closeWhenComplete();
  }

  unsendable(error: unknown): void {
    this.#close({ kind: 'unsendable', error: serializeThrown(error), ms: 0, shape: null });
  }

  /** What an end of the thread means to this flight. Ask before another flight is launched. */
  endOf(error: unknown, exitCode: number | null): ThreadEnd {
    const stray = this.#control.isStrayExit(this.epoch);
    const claimed = !stray && this.#control.isClaimed(this.epoch, 0);
    const loading = !stray && this.#control.loading;
    const done = claimed ? this.#control.sample().done : 0;
    return { error, exitCode, loading, claimed, done, shape: this.#control.shape() };
  }

  lose({ error, exitCode, loading, claimed, done, shape }: ThreadEnd): void {
    const outOfMemory = (error as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    const reason = this.#killed ? 'killed' : outOfMemory ? 'out-of-memory' : 'exited';
    const thrown = exitCode === null ? serializeThrown(error) : null;
    this.#close({
      kind: 'lost',
      exitCode: this.#killed ? null : exitCode,
      error: thrown,
      reason,
      loading,
      claimed,
      done,
      ms: 0,
      shape,
    });
  }

  // The answer and what was flushed come on two ports, in any order.
  #closeWhenComplete(): void {
    const answer = this.#answer;
    if (answer === null || this.#flushes < answer.flushes || this.#outcome === undefined) return;
    // The outcome came in a message and is nobody else's: no copy.
    this.#close(Object.assign(this.#outcome, { ms: answer.ms, shape: answer.shape ?? null }));
  }

  #close(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#unguard?.();
    // Resolved first: who waits for the outcome acts on it before the free lane is given away.
    this.#resolve(outcome);
    this.#lane.onFlightOver(this);
  }
}
