import type { Clock, Ticker } from './clock.js';
import type { Run } from './run.js';

/** What a reconciler looks after. */
export interface ReconcilerHost {
  /** Lets go of settled records that are past their time, at most so many; returns how many. */
  expireRecords(max: number): number;
  /** Ends flights whose thread is gone without having said so; returns how many. */
  checkLanes(): number;
  /** What has a slot. */
  inProgress(): Iterable<Pick<Run, 'checkHeartbeat' | 'proceed' | 'silentMs'>>;
  /** Calls hooks whose turn never came; returns how many. */
  catchUpHooks(): number;
  /** A step or a task failed. */
  onError(error: unknown): void;
}

/** What a {@link Reconciler} has seen since it was made. */
export interface ReconcilerStatus {
  readonly running: boolean;
  readonly everyMs: number;
  readonly passes: number;
  /** Epoch milliseconds; null before the first pass. */
  readonly lastPassAt: number | null;
  readonly lastPassMs: number | null;
  /** Settled records that were let go of because of their age. */
  readonly expiredRecords: number;
  /** Flights that were ended because their thread was gone. Anything but 0 is worth a bug report. */
  readonly lostFlights: number;
  /** Calls of hooks that had been left undone. Anything but 0 is worth a bug report. */
  readonly lateHooks: number;
  /** Tasks in progress, in the last pass, with a chunk that had shown no sign of life for 30 s. */
  readonly silentTasks: number;
  /** Steps that failed; each is also a `listenerError`. */
  readonly errors: number;
}

// A pass must not hold up the event loop, however much there is to look at: the next one goes on.
const MAX_PER_PASS = 1_000;
const SILENT_MS = 30_000;

/**
 * The backstop: looks from time to time for what should have happened by itself. Tasks settle, and hooks fire, without
 * it; settled tasks cost it nothing.
 */
export class Reconciler {
  readonly #host: ReconcilerHost;
  readonly #clock: Clock;
  readonly #everyMs: number;
  #ticker: Ticker | null = null;
  #next = 0;
  #silentSoFar = 0;
  #counts = { passes: 0, expiredRecords: 0, lostFlights: 0, lateHooks: 0, silentTasks: 0, errors: 0 };
  #lastPassAt: number | null = null;
  #lastPassMs: number | null = null;
  #closed = false;

  constructor(host: ReconcilerHost, clock: Clock, everyMs: number) {
    this.#host = host;
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** Begins to look, every `reconcileEveryMs`; calling it again changes nothing. It does not keep the process alive. */
  start(): void {
    if (this.#ticker !== null || this.#closed || this.#everyMs === Infinity) return;
    this.#ticker = this.#clock.every(this.#everyMs, () => this.pass());
    this.#ticker.keepAlive(false);
  }

  status(): ReconcilerStatus {
    return Object.freeze({
      running: this.#ticker !== null,
      everyMs: this.#everyMs,
      ...this.#counts,
      lastPassAt: this.#lastPassAt,
      lastPassMs: this.#lastPassMs,
    });
  }

  /** Looks once, now. What fails does not keep the rest. */
  pass(): void {
    const began = this.#clock.monotonic();
    this.#counts.expiredRecords += this.#step(() => this.#host.expireRecords(MAX_PER_PASS));
    this.#counts.lostFlights += this.#step(() => this.#host.checkLanes());
    this.#step(() => this.#checkTasks());
    this.#counts.lateHooks += this.#step(() => this.#host.catchUpHooks());
    this.#counts.passes++;
    this.#lastPassAt = this.#clock.now();
    this.#lastPassMs = this.#clock.monotonic() - began;
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#ticker?.stop();
    this.#ticker = null;
  }

  #checkTasks(): number {
    let at = 0;
    const end = this.#next + MAX_PER_PASS;
    for (const execution of this.#host.inProgress()) {
      if (at >= end) break;
      if (at++ < this.#next) continue;
      this.#step(() => this.#check(execution));
    }
    const round = at < end;
    this.#next = round ? 0 : at;
    if (round) this.#counts.silentTasks = this.#silentSoFar;
    if (round) this.#silentSoFar = 0;
    return at;
  }

  #check(execution: Pick<Run, 'checkHeartbeat' | 'proceed' | 'silentMs'>): number {
    if (execution.silentMs > SILENT_MS) this.#silentSoFar++;
    execution.checkHeartbeat();
    // Should a wake-up have been missed, this is another.
    execution.proceed();
    return 0;
  }

  #step(work: () => number): number {
    try {
      return work();
    } catch (error) {
      this.#counts.errors++;
      this.#host.onError(error);
      return 0;
    }
  }
}
