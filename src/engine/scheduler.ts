import { Admission } from './admission.js';
import type { Clock, StopTimer } from './clock.js';
import { Counts } from './counts.js';
import type { Lanes } from './lanes.js';
import type { PendingQueue } from './pending-queue.js';
import type { Run } from './run.js';
import type { Task } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

export interface SchedulerHost {
  readonly lanes: Lanes;
  readonly clock: Clock;
  typeOf(name: string): ResolvedTaskType;
  /** What runs a task that has got a slot. */
  runOf(task: Task): Run;
}

const RESOLVED = Promise.resolve();

/**
 * Fair turns: which task in progress sends its next chunk to the lane that is free. Which tasks are in progress is the
 * business of {@link Admission}. Both share between owners first.
 */
export class Scheduler {
  readonly #host: SchedulerHost;
  readonly #admission: Admission;
  /** Tasks that wait for their next attempt, and what ends the wait. */
  readonly #resting = new Map<Task, StopTimer>();
  readonly #restingOf = new Counts<string | null>();
  /** Those in progress that may have a chunk to send. */
  readonly #ready = new Set<Run>();
  #paused = false;
  #pumpDue = false;
  /** Called when nothing is in progress any more. */
  #onIdle: (() => void)[] = [];

  constructor(host: SchedulerHost, maxConcurrentTasks: number) {
    this.#host = host;
    const admissionHost = {
      typeOf: (name: string) => host.typeOf(name),
      runOf: (task: Task) => host.runOf(task),
      onOver: (run: Run) => this.#onOver(run),
      pump: () => this.pump(),
    };
    this.#admission = new Admission(admissionHost, maxConcurrentTasks);
  }

  get pending(): PendingQueue {
    return this.#admission.pending;
  }

  get inProgress(): ReadonlySet<Run> {
    return this.#admission.inProgress;
  }

  get maxConcurrentTasks(): number {
    return this.#admission.slots.max;
  }

  set maxConcurrentTasks(max: number) {
    this.#admission.slots.max = max;
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

  /** How many of an owner's tasks have no slot. */
  waitingOf(owner: string): number {
    return this.pending.sizeOfOwner(owner) + this.#restingOf.of(owner);
  }

  /** How many tasks of a type could have a slot at once. */
  roomFor(type: string): number {
    return this.#paused ? 0 : this.#admission.roomFor(type);
  }

  /** All of {@link waiting}. */
  *waitingTasks(): Generator<Task, void, undefined> {
    yield* this.pending;
    yield* this.#resting.keys();
  }

  /** Puts tasks that were taken, but not begun, before all others again. */
  putBack(tasks: readonly Task[]): void {
    for (let at = tasks.length - 1; at >= 0; at--) {
      const task = tasks[at] as Task;
      task.run = null;
      this.pending.putBack(task);
    }
    this.pump();
  }

  /** Puts a task that gives its slot back into the queue again, after `delayMs`. */
  retry(task: Task, delayMs: number): void {
    if (task.run !== null) this.#admission.inProgress.delete(task.run);
    task.run = null;
    if (delayMs <= 0) return this.add(task);
    const stop = this.#host.clock.after(delayMs, () => {
      this.#wakeUp(task);
      this.add(task);
    });
    this.#resting.set(task, stop);
    this.#restingOf.add(task.identity.owner, 1);
  }

  /** Takes a task that has no slot out; false when it has one. */
  remove(task: Task): boolean {
    const stop = this.#resting.get(task);
    stop?.();
    return this.#wakeUp(task) || this.pending.remove(task);
  }

  #wakeUp(task: Task): boolean {
    const rested = this.#resting.delete(task);
    if (rested) this.#restingOf.add(task.identity.owner, -1);
    return rested;
  }

  wake(run: Run): void {
    this.#ready.add(run);
    this.pump();
  }

  /** One that had nothing to send for a while, because its items came slowly, does not get those turns afterwards. */
  catchUp(run: Run): void {
    run.usedMs = Math.max(run.usedMs, this.#admission.leastUsed(this.#ready, run.share));
  }

  /** A run has used a thread for tasks of an owner; less than 0 where too much was counted in advance. Milliseconds. */
  charge(owner: string | null, ms: number): void {
    this.#admission.owners.charge(owner, ms);
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
    if (!this.#paused) this.#admission.admit();
    this.#giveTurns();
  };

  /** Resolves when nothing waits and nothing is in progress. */
  async idle(): Promise<void> {
    while (this.inProgress.size + this.pending.size > 0) {
      await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
    }
  }

  #onOver(run: Run): void {
    this.#ready.delete(run);
    if (this.inProgress.size === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle();
    this.pump();
  }

  #giveTurns(): void {
    const { lanes } = this.#host;
    while (this.#ready.size > 0) {
      if (lanes.free() === 0) return lanes.grow(this.#wanted);
      const run = this.#next();
      if (run === null) return;
      this.#launch(run);
    }
  }

  #launch(run: Run): void {
    const { gathers, share } = run;
    if (share !== null && this.#admission.owners.size > 1) this.#admission.owners.serve(share);
    if (!run.launchNext() || run.wants === 0) this.#ready.delete(run);
    // The next of its type may begin.
    if (gathers) this.pump();
  }

  /**
   * A lane may be free, and what it did is not known yet. A run that has nothing under way can't learn from that: it gets
   * the lane at once, so that its thread does not wait until all is settled.
   */
  onLaneChange(): void {
    const run = this.#host.lanes.free() > 0 ? this.#next() : null;
    if (run !== null && run.inFlight === 0) this.#launch(run);
    this.pump();
  }

  /** Who is next, of those that may send something now. */
  #next(): Run | null {
    for (;;) {
      let best: Run | null = null;
      for (const run of this.#ready) {
        if (this.#isHeld(run)) continue;
        if (best === null || isBefore(run, best)) best = run;
      }
      if (best === null || best.wants > 0) return best;
      this.#ready.delete(best);
    }
  }

  /** What stops may always send what is left. */
  #isHeld(run: Run): boolean {
    return (this.#paused || this.#admission.isAside(run)) && !run.stopping;
  }

  readonly #wanted = (): number => {
    let wanted = 0;
    for (const run of this.#ready) if (!this.#isHeld(run)) wanted += run.wants;
    return wanted;
  };
}

/**
 * Whose owner has used the threads least; and of one owner's who has, by weight, but what ends a task goes first: an owner
 * with many short tasks would have the threads to itself with what ends them.
 */
function isBefore(a: Run, b: Run): boolean {
  if (a.share !== b.share) return (a.share?.usedMs ?? 0) < (b.share?.usedMs ?? 0);
  return a.urgent === b.urgent ? a.usedMs < b.usedMs : a.urgent;
}
