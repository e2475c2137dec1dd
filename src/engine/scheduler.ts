import type { Clock, StopTimer } from './clock.js';
import { Counts } from './counts.js';
import type { Lanes } from './lanes.js';
import { OwnerShares } from './owner-shares.js';
import { PendingQueue } from './pending-queue.js';
import type { Run } from './run.js';
import { type Slot, Slots } from './slots.js';
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
 * Slots and fair turns. Slots: which waiting task gets to be in progress. Turns: which task in progress sends its
 * next chunk to the lane that is free. Both are shared between owners first.
 */
export class Scheduler {
  readonly #owners = new OwnerShares();
  readonly pending: PendingQueue = new PendingQueue({
    slotsOf: (owner) => this.#owners.slotsOf(owner),
    gathers: (owner, type) => this.#gathers(owner, type),
  });
  readonly inProgress: Set<Run> = new Set();
  readonly #slotOf = new Map<Run, Slot>();
  /** Those in progress whose slot another owner has now. They send nothing, and are next of their owner to have one. */
  readonly #aside = new Set<Run>();
  /** Tasks that wait for their next attempt, and what ends the wait. */
  readonly #resting = new Map<Task, StopTimer>();
  readonly #restingOf = new Counts<string | null>();
  readonly #host: SchedulerHost;
  readonly #slots: Slots;
  /** Those in progress that may have a chunk to send. */
  readonly #ready = new Set<Run>();
  readonly #perType = new Counts<string>();
  /** Runs that gather tasks, or did last. */
  readonly #gathering = new Set<Run>();
  #paused = false;
  #pumpDue = false;
  /** Called when nothing is in progress any more. */
  #onIdle: (() => void)[] = [];

  constructor(host: SchedulerHost, maxConcurrentTasks: number) {
    this.#host = host;
    this.#slots = new Slots(maxConcurrentTasks);
  }

  get maxConcurrentTasks(): number {
    return this.#slots.max;
  }

  set maxConcurrentTasks(max: number) {
    this.#slots.max = max;
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
    if (this.#paused) return 0;
    const { concurrency } = this.#host.typeOf(type).policy;
    return Math.max(0, Math.min(this.maxConcurrentTasks - this.inProgress.size, concurrency - this.#perType.of(type)));
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
    if (task.run !== null) this.inProgress.delete(task.run);
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
    run.usedMs = Math.max(run.usedMs, this.#leastUsed(this.#ready, run.owner));
  }

  /** A run has used a thread for one of an owner's tasks. */
  charge(owner: string | null, ms: number): void {
    this.#owners.charge(owner, ms);
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

  /** Resolves when nothing waits and nothing is in progress. */
  async idle(): Promise<void> {
    while (this.inProgress.size + this.pending.size > 0) {
      await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
    }
  }

  #admit(): void {
    while (!this.#paused) {
      const owner = this.pending.nextOwner(this.#mayStart);
      if (!this.#slots.hasOne && (owner === undefined || !this.#lend(owner))) break;
      const rested = this.#nextAside(owner);
      if (rested !== null) this.#resume(rested);
      else if (owner !== undefined) this.#start(this.pending.takeFrom(owner, this.#mayStart) as Task);
      else break;
    }
  }

  #start(task: Task): void {
    const run = this.#host.runOf(task);
    task.run = run;
    // A newcomer starts level with who has used least, or it would have the threads to itself for long.
    run.usedMs = this.#leastUsed(this.inProgress, run.owner);
    this.#owners.addSlot(run.owner);
    this.#perType.add(run.type, 1);
    if (run.gathers) this.#gathering.add(run);
    this.inProgress.add(run);
    // It may be over before it has begun.
    run.onOver = () => this.inProgress.delete(run);
    this.#slots.take(
      (slot) => this.#begin(run, slot),
      () => this.pump(),
    );
  }

  #begin(run: Run, slot: Slot): void {
    this.#slotOf.set(run, slot);
    run.onOver = () => this.#onOver(run);
    if (this.inProgress.has(run)) run.begin();
    else this.#onOver(run);
  }

  #onOver(run: Run): void {
    this.#takeSlot(run);
    this.#aside.delete(run);
    this.inProgress.delete(run);
    this.#ready.delete(run);
    this.#gathering.delete(run);
    this.#perType.add(run.type, -1);
    if (this.inProgress.size === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle();
    this.pump();
  }

  #takeSlot(run: Run): void {
    const slot = this.#slotOf.get(run);
    if (slot === undefined) return;
    this.#slotOf.delete(run);
    this.#slots.giveBack(slot);
    this.#owners.removeSlot(run.owner);
  }

  /**
   * No slot is free, and an owner that has none waits: without this it would wait for a batch of another one to end. The
   * owner with the most slots, two at least, sets the task aside that it began last; chunks of it that fly end.
   */
  #lend(owner: string | null): boolean {
    if (this.#owners.slotsOf(owner) > 0 || this.#slots.tooMany) return false;
    let last: Run | null = null;
    let most = 2;
    for (const run of this.#slotOf.keys()) {
      const slots = this.#owners.slotsOf(run.owner);
      if (slots < most || run.stopping || run.gathers || run.wants === 0) continue;
      most = slots;
      last = run;
    }
    if (last === null) return false;
    this.#takeSlot(last);
    this.#aside.add(last);
    return true;
  }

  /** Whose turn it is of those that were set aside; null where it is the turn of a task of `owner`, which waits. */
  #nextAside(owner: string | null | undefined): Run | null {
    if (this.#aside.size === 0) return null;
    let next: Run | null = null;
    let fewest = owner === undefined ? Infinity : this.#owners.slotsOf(owner) + 1;
    for (const run of this.#aside) {
      const slots = this.#owners.slotsOf(run.owner);
      if (slots >= fewest) continue;
      fewest = slots;
      next = run;
    }
    return next;
  }

  #resume(run: Run): void {
    this.#aside.delete(run);
    this.catchUp(run);
    this.#owners.addSlot(run.owner);
    this.#slots.take(
      (slot) => {
        this.#slotOf.set(run, slot);
        // It may be over by now.
        if (!this.inProgress.has(run)) this.#takeSlot(run);
        this.pump();
      },
      () => this.pump(),
    );
  }

  readonly #mayStart = (type: string): boolean => this.#perType.of(type) < this.#host.typeOf(type).policy.concurrency;

  #gathers(owner: string | null, type: string): boolean {
    for (const run of this.#gathering) {
      if (!run.gathers) this.#gathering.delete(run);
      else if (run.type === type && run.owner === owner) return true;
    }
    return false;
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
    const { gathers } = run;
    if (this.#owners.several) this.#owners.serve(run.owner);
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

  /**
   * Whose owner has used the threads least, and of that owner's who has, by weight; before those goes what ends a task.
   * While paused, only what stops.
   */
  #next(): Run | null {
    for (;;) {
      let best: Run | null = null;
      for (const run of this.#ready) {
        if (!this.#mayGoOn(run)) continue;
        if (best === null || this.#isBefore(run, best)) best = run;
      }
      if (best === null || best.wants > 0) return best;
      this.#ready.delete(best);
    }
  }

  /** What stops may always send what is left. */
  #mayGoOn(run: Run): boolean {
    return run.stopping || !(this.#paused || this.#aside.has(run));
  }

  #isBefore(a: Run, b: Run): boolean {
    if (this.#owners.several && a.owner !== b.owner) {
      return this.#owners.usedMsOf(a.owner) < this.#owners.usedMsOf(b.owner);
    }
    return a.urgent === b.urgent ? a.usedMs < b.usedMs : a.urgent;
  }

  readonly #wanted = (): number => {
    let wanted = 0;
    for (const run of this.#ready) if (this.#mayGoOn(run)) wanted += run.wants;
    return wanted;
  };

  /** What the one of an owner's runs has used that has used least; those set aside have fallen behind. */
  #leastUsed(runs: Iterable<Run>, owner: string | null): number {
    let least = Infinity;
    for (const run of runs) {
      if (run.owner === owner && !this.#aside.has(run)) least = Math.min(least, run.usedMs);
    }
    return least === Infinity ? 0 : least;
  }
}
