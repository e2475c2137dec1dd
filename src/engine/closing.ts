import { type Clock, type StopTimer, systemClock } from './clock.js';
import { deferred } from './deferred.js';
import type { Hooks } from './hooks.js';
import type { Lanes } from './lanes.js';
import type { Scheduler } from './scheduler.js';
import { isTerminal } from './task-record.js';
import type { Task } from './task.js';

export interface CloseOptions {
  /** How long running tasks may go on. Milliseconds. @default 30_000 */
  readonly timeoutMs?: number;
}

/** What closing a manager cut short. */
export interface CloseReport {
  /** Ids of tasks that waited, for their start or for another attempt. */
  readonly cancelled: readonly string[];
  /** Ids of tasks that were running at the deadline and were stopped. */
  readonly interrupted: readonly string[];
  /** Ids of tasks whose threads still work: native code that can't be interrupted, or a type that must not be killed. */
  readonly alive: readonly string[];
  /**
   * How many threads still work though their tasks have settled: on native code that a task left behind. Left out where
   * there are none.
   */
  readonly leftBehind?: number;
}

/** How far closing a manager is. */
export interface ClosingStats {
  /** When `close()` was called first. Epoch milliseconds. */
  readonly since: number;
  /** When tasks that still run are stopped, or were. Epoch milliseconds; null where they may take as long as they need. */
  readonly deadline: number | null;
  /**
   * Ids of the tasks that it waits for to settle. None once `close()` has ended, though its report may name some as
   * `alive`.
   */
  readonly waitingFor: readonly string[];
}

// How long a thread that was ended may take to be gone before the report names it.
const EXIT_WAIT_MS = 1_000;

/** The end of a manager, step by step. */
export class Closing {
  readonly #scheduler: Scheduler;
  readonly #lanes: Lanes;
  readonly #clock: Clock;
  readonly #hooks: Hooks;
  readonly #onClosed: () => void;
  #cancelled: string[] = [];
  readonly #interrupted: string[] = [];
  #report: Promise<CloseReport> | null = null;
  #done = false;
  readonly #deadline = deferred<void>();
  #stopDeadline: StopTimer = () => {};
  #deadlineAt = Infinity;
  readonly #since: number;
  #deadlineTime = Infinity;

  constructor(scheduler: Scheduler, lanes: Lanes, hooks: Hooks, clock: Clock, onClosed: () => void) {
    this.#scheduler = scheduler;
    this.#lanes = lanes;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#onClosed = onClosed;
    this.#since = clock.now();
  }

  /** With an owner, only that owner's tasks are named. */
  stats(owner: string | null): ClosingStats {
    const deadline = this.#deadlineTime === Infinity ? null : this.#deadlineTime;
    const waitingFor = this.#done ? [] : Array.from(this.#unsettled(owner), ({ id }) => id);
    return { since: this.#since, deadline, waitingFor };
  }

  *#unsettled(owner: string | null): Generator<Task, void, undefined> {
    const isAwaited = (task: Task): boolean =>
      !isTerminal(task.status) && (owner === null || task.identity.owner === owner);
    for (const run of this.#scheduler.inProgress) for (const task of run.tasks()) if (isAwaited(task)) yield task;
    // Those that went back to the queue.
    for (const task of this.#scheduler.waitingTasks()) if (isAwaited(task)) yield task;
  }

  /** The report; the deadline is `timeoutMs` from now, unless an earlier one is set. */
  async until(timeoutMs: number): Promise<CloseReport> {
    const at = this.#clock.monotonic() + timeoutMs;
    if (!this.#done && at < this.#deadlineAt) {
      this.#deadlineAt = at;
      this.#deadlineTime = this.#clock.now() + timeoutMs;
      this.#stopDeadline();
      this.#stopDeadline = this.#clock.after(timeoutMs, () => this.#deadline.resolve(), true);
    }
    return (this.#report ??= this.#close());
  }

  async #close(): Promise<CloseReport> {
    this.#cancelWaiting();
    // A paused task could never end.
    this.#scheduler.paused = false;
    // One that is admitted meanwhile can only be one that went back to the queue.
    const ended = this.#scheduler.idle();
    await Promise.race([ended, this.#deadline.promise]);
    this.#stopDeadline();
    if (this.#scheduler.inProgress.size > 0) {
      for (const run of this.#scheduler.inProgress) {
        for (const task of run.tasks()) this.#interrupted.push(task.id);
        run.interrupt();
      }
      // Those that went back to the queue because of it.
      const back = [...this.#scheduler.waitingTasks()];
      for (const task of back) this.#cancelOne(task);
      const waited = deferred<void>();
      const stop = this.#clock.after(EXIT_WAIT_MS, waited.resolve, true);
      await Promise.race([ended, waited.promise]);
      stop();
    }
    const alive = [...this.#scheduler.inProgress].flatMap((run) => Array.from(run.tasks(), ({ id }) => id));
    const leftBehind = await this.#closeLanes(alive.length);
    for (const run of this.#scheduler.inProgress) run.proceed();
    await this.#hooks.allCalled();
    // A later call may have set another one, for what was over already.
    this.#stopDeadline();
    this.#done = true;
    this.#onClosed();
    const report = { cancelled: this.#cancelled, interrupted: this.#interrupted, alive };
    return leftBehind > 0 ? { ...report, leftBehind } : report;
  }

  #cancelWaiting(): void {
    const waiting = [...this.#scheduler.waitingTasks()];
    this.#cancelled = waiting.map((task) => task.id);
    for (const task of waiting) this.#cancelOne(task);
  }

  /** One may have been cancelled by what hears of another. */
  #cancelOne(task: Task): void {
    if (this.#scheduler.remove(task)) task.settle({ status: 'cancelled' });
  }

  /** Returns how many threads beside the `alive` ones are not gone after a while. */
  async #closeLanes(alive: number): Promise<number> {
    let over = false;
    const closed = this.#lanes.close().then(() => (over = true));
    const waited = deferred<void>();
    // By the machine's own clock: how long a thread takes to be gone is none of the manager's time.
    const stop = systemClock.after(EXIT_WAIT_MS, waited.resolve, true);
    await Promise.race([closed, waited.promise]);
    stop();
    return over ? 0 : Math.max(0, this.#lanes.live() - alive);
  }
}
