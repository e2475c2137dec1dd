import { exceedsBytes } from './cloneable.js';
import type { Clock, StopTimer } from './clock.js';
import { type Deferred, deferred } from './deferred.js';
import type { TreadleError } from './errors.js';
import { FailedItemList, NO_FAILED_ITEMS } from './failed-items.js';
import type { SettledHook } from './hooks.js';
import type { IndexRange } from './index-ranges.js';
import type { Items } from './item-source.js';
import type { ListNode } from './linked-list.js';
import type { Run } from './run.js';
import type { IndexEntry } from './task-index.js';
import { MAX_RESULT_BYTES } from './options.js';
import { COMPLETED_UNSEEN, Progress, UNSEEN } from './progress.js';
import { MAX_MESSAGES, type Notes } from './protocol.js';
import {
  type SettledRecord,
  type TaskMessage,
  type TaskRecord,
  type TaskStatus,
  type TerminalStatus,
  boundText,
  canTransition,
  isTerminal,
} from './task-record.js';
import { errorInfo } from './task-failure.js';

/** What a task was submitted with, as far as its record shows it. */
export interface TaskIdentity {
  readonly id: string;
  readonly type: string;
  readonly resourceId: string | null;
  readonly group: string | null;
  readonly owner: string | null;
  readonly meta: unknown;
  /** The id of the task that this one is another run of. */
  readonly rerunOf?: string | null;
}

/** What a task is to do. */
export interface TaskWork {
  readonly input: unknown;
  readonly items: Items<unknown> | null;
  /** The items that the module's `plan` made, where they are kept for another run. */
  readonly planned?: Items<unknown> | null | undefined;
  /** How long an attempt may take. @default the type's */
  readonly timeoutMs?: number | undefined;
}

/** How a task ended. */
export type Settlement =
  | { readonly status: 'completed'; readonly value: unknown }
  | { readonly status: 'failed'; readonly error: TreadleError }
  | { readonly status: 'cancelled' };

/** Why a task has to stop before its end. */
export type StopReason = 'cancel' | 'timeout' | 'failure';

/** Who is told of a task's life. */
export interface TaskObserver {
  /** Called once for each transition, after the state has changed. */
  onTransition(task: Task): void;
}

/** The live state of one task. {@link transition} is the only writer of its status, {@link settle} the only way to an end. */
export class Task {
  readonly identity: TaskIdentity;
  readonly createdAt: number;
  /** What to work on; released when the task has settled. */
  work: TaskWork | null;
  /** Of a task that settles: which items were not done; null where it has none, or nobody asked. */
  undone: readonly IndexRange[] | null = null;
  priority: number;
  status: TaskStatus = 'pending';
  attempt = 1;
  stopping: StopReason | null = null;
  startedAt: number | null = null;
  /** What it works on was moved to a thread, all or a part: it can't be sent again. */
  gaveAway = false;
  /** The final record, once there is one. */
  settled: SettledRecord | null = null;
  /** The whole end, result of any size included, for whoever holds the handle. */
  settlement: Settlement | null = null;
  #watchers: (() => void)[] = NO_WATCHERS;
  /** What the submitters want called when it has settled. */
  hooks: readonly SettledHook[] = NO_HOOKS;
  /** Stops the timer that fails it when it has waited too long for its start. */
  stopExpiry: StopTimer | null = null;
  /** What it has a slot by, while it is in progress. */
  run: Run | null = null;
  /** It has shown that it does not go well with others. */
  alone = false;
  /** Where it stands in the pending queue; null when it does not wait there. */
  place: ListNode<Task> | null = null;
  /** What the index knows it by; null before it is known, and once it has settled. */
  entry: IndexEntry | null = null;
  readonly #clock: Clock;
  readonly #observer: TaskObserver;
  #updatedAt: number;
  #completedAt: number | null = null;
  #whenSettled: Deferred<Settlement> | null = null;
  #stage: string | null = null;
  #progress: Progress | null = null;
  #messages: readonly TaskMessage[] = NO_MESSAGES;
  #failedItems: FailedItemList | null = null;

  constructor(identity: TaskIdentity, work: TaskWork, priority: number, clock: Clock, observer: TaskObserver) {
    this.identity = identity;
    this.work = work;
    this.priority = priority;
    this.createdAt = clock.now();
    this.#updatedAt = this.createdAt;
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Made on demand: most small tasks have none. */
  get progress(): Progress {
    this.#progress ??= new Progress();
    return this.#progress;
  }

  /** True when there is progress to tell of since the last call. */
  hasNewProgress(): boolean {
    return this.#progress?.takeChange() === true;
  }

  /** Items that were skipped; made on demand too. */
  get failedItems(): FailedItemList {
    this.#failedItems ??= new FailedItemList();
    return this.#failedItems;
  }

  get id(): string {
    return this.identity.id;
  }

  /**
   * Moves on to `to`, which is not an end; false, and nothing happens, when that state can't follow. `ageMs` is how long
   * ago that came to be.
   */
  transition(to: Exclude<TaskStatus, TerminalStatus>, ageMs = 0): boolean {
    return !isTerminal(to) && this.#move(to, this.#clock.now(), ageMs);
  }

  #move(to: TaskStatus, now: number, ageMs = 0): boolean {
    if (!canTransition(this.status, to)) return false;
    this.status = to;
    this.#updatedAt = now;
    if (to === 'running') this.startedAt ??= Math.max(this.createdAt, Math.round(this.#updatedAt - ageMs));
    this.#observer.onTransition(this);
    this.changed();
    return true;
  }

  /** Ends the task. Only the first call counts; a later one is dropped and returns false. */
  settle(settlement: Settlement): boolean {
    if (this.settlement !== null || !canTransition(this.status, settlement.status)) return false;
    this.settlement = settlement;
    this.stopping = null;
    const now = this.#clock.now();
    this.#completedAt = now;
    this.#progress?.end(settlement.status === 'completed');
    const moved = this.#move(settlement.status, now);
    this.work = null;
    this.run = null;
    this.undone = null;
    this.#whenSettled?.resolve(settlement);
    return moved;
  }

  /** Resolves when the task has settled. Made on demand. */
  whenSettled(): Promise<Settlement> {
    if (this.settlement !== null) return Promise.resolve(this.settlement);
    this.#whenSettled ??= deferred<Settlement>();
    return this.#whenSettled.promise;
  }

  /** Something besides the status has changed. */
  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Calls `watcher` whenever there is something new to see. Returns what ends that. */
  watch(watcher: () => void): () => void {
    // Copied, so that a watcher may leave while all are called.
    this.#watchers = [...this.#watchers, watcher];
    return () => {
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
    };
  }

  addNotes(notes: Notes): readonly TaskMessage[] {
    if (this.settlement !== null) return NO_MESSAGES;
    this.#updatedAt = this.#clock.now();
    if (notes.stage !== undefined) this.#stage = boundText(notes.stage);
    const added = notes.messages.map(({ at, text }) => Object.freeze({ at, text: boundText(text) }));
    if (notes.dropped > 0 && added[0] !== undefined) {
      added.unshift(Object.freeze({ at: added[0].at, text: `(${notes.dropped} messages left out)` }));
    }
    this.#messages = Object.freeze([...this.#messages, ...added].slice(-MAX_MESSAGES));
    return added;
  }

  touch(): void {
    this.#updatedAt = this.#clock.now();
  }

  /** The task at this moment. */
  snapshot(): TaskRecord {
    if (this.settled !== null) return this.settled;
    const record = this.#record();
    if (this.settlement !== null) this.settled = record as SettledRecord;
    return record;
  }

  #record(): TaskRecord {
    const { settlement } = this;
    const omitted = settlement?.status === 'completed' && exceedsBytes(settlement.value, MAX_RESULT_BYTES);
    const { id, type, resourceId, group, owner, meta } = this.identity;
    return Object.freeze({
      id,
      type,
      resourceId,
      group,
      owner,
      meta,
      priority: this.priority,
      status: this.status,
      createdAt: this.createdAt,
      updatedAt: this.#updatedAt,
      startedAt: this.startedAt,
      completedAt: this.#completedAt,
      attempt: this.attempt,
      stage: this.#stage,
      stopping: this.stopping === 'cancel' ? null : this.stopping,
      progress: this.#progress?.snapshot() ?? (this.status === 'completed' ? COMPLETED_UNSEEN : UNSEEN),
      messages: this.#messages,
      result: settlement?.status === 'completed' && !omitted ? (settlement.value ?? null) : null,
      resultOmitted: omitted,
      error: settlement?.status === 'failed' ? errorInfo(settlement.error) : null,
      failedItems: this.#failedItems?.snapshot() ?? NO_FAILED_ITEMS,
      rerunOf: this.identity.rerunOf ?? null,
      // The union is by status, and each status sets its fields above.
    }) as TaskRecord;
  }
}

// Shared by all tasks that nobody watches: most of them.
const NO_WATCHERS: (() => void)[] = [];
const NO_HOOKS: readonly never[] = [];
const NO_MESSAGES: readonly TaskMessage[] = Object.freeze([]);
