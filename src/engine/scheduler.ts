import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock, StopTimer } from './clock.js';
import type { Execution } from './execution.js';
import type { Lanes } from './lanes.js';
import { PendingQueue } from './pending-queue.js';
import type { Task } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

export interface SchedulerHost {
  readonly lanes: Lanes;
  readonly clock: Clock;
  typeOf(name: string): ResolvedTaskType;
  execute(task: Task): Execution;
}

const RESOLVED = Promise.resolve();

/**
 * Slots and fair turns. Slots: which waiting task gets to be in progress. Turns: which task in progress sends its
 * next chunk to the lane that is free.
 */
export class Scheduler {
  readonly pending: PendingQueue = new PendingQueue();
  readonly inProgress: Map<string, Execution> = new Map();
  /** Tasks that wait for their next attempt, and what ends the wait. */
  readonly #resting = new Map<Task, StopTimer>();
  readonly #host: SchedulerHost;
  readonly #limit: LimitFunction;
  /** Those in progress that may have a chunk to send. */
  readonly #ready = new Set<Execution>();
  readonly #perType = new Map<string, number>();
  #paused = false;
  #pumpDue = false;

  constructor(host: SchedulerHost, maxConcurrentTasks: number) {
    this.#host = host;
    this.#limit = pLimit(maxConcurrentTasks);
  }

  get maxConcurrentTasks(): number {
    return this.#limit.concurrency;
  }

  set maxConcurrentTasks(max: number) {
    this.#limit.concurrency = max;
    this.pump();
  }

  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    this.pump();
  }

  add(task: Task): void {
    this.pending.add(task);
    this.pump();
  }

  /** How many tasks have no slot: those in the queue, and those that wait for their next attempt. */
  get waiting(): number {
    return this.pending.size + this.#resting.size;
  }

  /** All of {@link waiting}. */
  *waitingTasks(): Generator<Task, void, undefined> {
    yield* this.pending;
    yield* this.#resting.keys();
  }

  /** Puts a task that has given its slot back into the queue again, after `delayMs`. */
  retry(task: Task, delayMs: number): void {
    this.inProgress.delete(task.id);
    if (delayMs <= 0) return this.add(task);
    const stop = this.#host.clock.after(delayMs, () => {
      this.#resting.delete(task);
      this.add(task);
    });
    this.#resting.set(task, stop);
  }

  /** Takes a task that has no slot out; false when it has one. */
  remove(task: Task): boolean {
    const stop = this.#resting.get(task);
    stop?.();
    return this.#resting.delete(task) || this.pending.remove(task);
  }

  wake(execution: Execution): void {
    this.#ready.add(execution);
    this.pump();
  }

  /** One that had nothing to send for a while, because its items came slowly, does not get those turns afterwards. */
  catchUp(execution: Execution): void {
    execution.usedMs = Math.max(execution.usedMs, this.#leastReady());
  }

  /** Gives out slots and lanes, once everything that happens in this turn has happened. */
  pump(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    // A promise, because queueMicrotask makes an AsyncResource each time.
    void RESOLVED.then(this.#run);
  }

  readonly #run = (): void => {
    this.#pumpDue = false;
    this.#admit();
    this.#giveTurns();
  };

  /** p-limit holds the slots; its own queue stays empty, because the order is ours. */
  #admit(): void {
    while (!this.#paused && this.#limit.activeCount + this.#limit.pendingCount < this.#limit.concurrency) {
      const task = this.pending.take((type) => this.#mayStart(type));
      if (task === null) return;
      const { type } = task.identity;
      this.#perType.set(type, (this.#perType.get(type) ?? 0) + 1);
      const execution = this.#host.execute(task);
      execution.usedMs = this.#leastUsed();
      this.inProgress.set(task.id, execution);
      const slot = this.#limit(() => {
        execution.begin();
        return execution.left;
      });
      void slot.then(() => this.#release(execution));
    }
  }

  #release(execution: Execution): void {
    const { id, identity } = execution.task;
    // It may have been tried again meanwhile.
    if (this.inProgress.get(id) === execution) this.inProgress.delete(id);
    this.#ready.delete(execution);
    const count = (this.#perType.get(identity.type) ?? 1) - 1;
    if (count === 0) this.#perType.delete(identity.type);
    else this.#perType.set(identity.type, count);
    this.pump();
  }

  #mayStart(type: string): boolean {
    return (this.#perType.get(type) ?? 0) < this.#host.typeOf(type).policy.concurrency;
  }

  #giveTurns(): void {
    const { lanes } = this.#host;
    while (this.#ready.size > 0) {
      const execution = this.#next();
      if (execution === null) return;
      if (lanes.free() === 0) return lanes.grow(this.#wanted());
      if (!execution.launchNext() || execution.wants === 0) this.#ready.delete(execution);
    }
  }

  /** Who has used the threads least, by weight; what ends a task goes first. While paused, only what stops. */
  #next(): Execution | null {
    let best: Execution | null = null;
    for (const execution of this.#ready) {
      if (execution.wants === 0) this.#ready.delete(execution);
      else if (this.#paused && !execution.stopping) continue;
      else if (best === null || isBefore(execution, best)) best = execution;
    }
    return best;
  }

  #wanted(): number {
    let wanted = 0;
    for (const execution of this.#ready) wanted += execution.wants;
    return wanted;
  }

  #leastReady(): number {
    let least = Infinity;
    for (const execution of this.#ready) least = Math.min(least, execution.usedMs);
    return least === Infinity ? 0 : least;
  }

  /** A newcomer starts level with who has used least, or it would have the threads to itself for long. */
  #leastUsed(): number {
    let least = Infinity;
    for (const execution of this.inProgress.values()) least = Math.min(least, execution.usedMs);
    return least === Infinity ? 0 : least;
  }
}

function isBefore(a: Execution, b: Execution): boolean {
  return a.urgent === b.urgent ? a.usedMs < b.usedMs : a.urgent;
}
