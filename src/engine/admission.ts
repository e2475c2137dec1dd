import { Counts } from './counts.js';
import { type OwnerShare, OwnerShares } from './owner-shares.js';
import { PendingQueue } from './pending-queue.js';
import type { Run } from './run.js';
import { type Slot, Slots } from './slots.js';
import type { Task } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

export interface AdmissionHost {
  typeOf(name: string): ResolvedTaskType;
  /** What runs a task that has got a slot. */
  runOf(task: Task): Run;
  /** There may be a slot to give out, or something to send. */
  pump(): void;
  onOver(run: Run): void;
}

/** Which waiting task gets to be in progress. */
export class Admission {
  readonly owners: OwnerShares = new OwnerShares();
  readonly pending: PendingQueue = new PendingQueue({
    slotsOf: (owner) => this.owners.slotsOf(owner),
    gathers: (owner, type) => this.#gathers(owner, type),
  });
  readonly inProgress: Set<Run> = new Set();
  readonly slots: Slots;
  readonly #host: AdmissionHost;
  readonly #perType = new Counts<string>();
  /** Runs that gather tasks, or did last. */
  readonly #gathering = new Set<Run>();
  /** Those in progress whose slot another owner has now. They send nothing, and are next of their owner to have one. */
  readonly #aside = new Set<Run>();

  constructor(host: AdmissionHost, maxConcurrentTasks: number) {
    this.#host = host;
    this.slots = new Slots(maxConcurrentTasks, () => host.pump());
  }

  /** Gives out the slots that there are. */
  admit(): void {
    while (this.slots.hasOne || this.#mayLend()) {
      const owner = this.pending.nextOwner(this.#mayStart);
      if (!this.slots.hasOne && (owner === undefined || !this.#lend(owner))) return;
      const rested = this.#nextAside(owner);
      if (rested !== null) {
        this.#resume(rested);
      } else {
        const task = owner === undefined ? null : this.pending.takeFrom(owner, this.#mayStart);
        if (task === null) return;
        this.#start(task);
      }
    }
  }

  /** How many tasks of a type could have a slot at once. */
  roomFor(type: string): number {
    const { concurrency } = this.#host.typeOf(type).policy;
    return Math.max(0, Math.min(this.slots.max - this.inProgress.size, concurrency - this.#perType.of(type)));
  }

  /** Whether it may send nothing because another owner has its slot. */
  isAside(run: Run): boolean {
    return this.#aside.size > 0 && this.#aside.has(run);
  }

  /** What the one of `runs` has used that has used least of all with that share; those set aside have fallen behind. */
  leastUsed(runs: Iterable<Run>, share: OwnerShare | null): number {
    let least = Infinity;
    for (const run of runs) if (run.share === share && run.usedMs < least && !this.isAside(run)) least = run.usedMs;
    return least === Infinity ? 0 : least;
  }

  #start(task: Task): void {
    const run = this.#host.runOf(task);
    task.run = run;
    const share = this.owners.addSlot(run.owner);
    // A newcomer starts level with who has used least, or it would have the threads to itself for long.
    run.usedMs = this.leastUsed(this.inProgress, share);
    run.share = share;
    this.#perType.add(run.type, 1);
    if (run.gathers) this.#gathering.add(run);
    this.inProgress.add(run);
    // It may be over before it has begun.
    run.onOver = () => this.inProgress.delete(run);
    this.slots.take((slot) => this.#begin(run, slot));
  }

  #begin(run: Run, slot: Slot): void {
    run.slot = slot;
    run.onOver = () => this.#onOver(run);
    if (this.inProgress.has(run)) run.begin();
    else this.#onOver(run);
  }

  #onOver(run: Run): void {
    this.#takeSlot(run);
    this.inProgress.delete(run);
    this.#aside.delete(run);
    this.#gathering.delete(run);
    this.#perType.add(run.type, -1);
    this.#host.onOver(run);
  }

  #takeSlot(run: Run): void {
    const { slot } = run;
    if (slot === null) return;
    run.slot = null;
    this.slots.giveBack(slot);
    this.owners.removeSlot(run.owner);
  }

  /** Whether an owner may wait that has no slot, and another one have several. */
  #mayLend(): boolean {
    if (this.pending.size === 0 || this.slots.tooMany) return false;
    if (this.inProgress.size - this.#aside.size <= this.owners.size) return false;
    return this.owners.size > 1 || !this.pending.isAllOf(this.owners.only);
  }

  /**
   * No slot is free, and an owner that has none waits: without this it would wait for a batch of another one to end. The
   * owner with the most slots, two at least, sets the run aside that it began last; chunks of it that fly end.
   */
  #lend(owner: string | null): boolean {
    if (this.owners.slotsOf(owner) > 0) return false;
    let last: Run | null = null;
    let most = 2;
    for (const run of this.inProgress) {
      const slots = run.slot === null ? 0 : (run.share?.slots ?? 0);
      // What flies to its end has its slot back soonest.
      if (slots < most || run.wants === 0) continue;
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
    let fewest = owner === undefined ? Infinity : this.owners.slotsOf(owner) + 1;
    for (const run of this.#aside) {
      const slots = this.owners.slotsOf(run.owner);
      if (slots >= fewest) continue;
      fewest = slots;
      next = run;
    }
    return next;
  }

  #resume(run: Run): void {
    run.share = this.owners.addSlot(run.owner);
    // It does not get the turns afterwards that it missed.
    run.usedMs = Math.max(run.usedMs, this.leastUsed(this.inProgress, run.share));
    this.#aside.delete(run);
    this.slots.take((slot) => {
      run.slot = slot;
      // It may be over by now.
      if (!this.inProgress.has(run)) this.#takeSlot(run);
      this.#host.pump();
    });
  }

  readonly #mayStart = (type: string): boolean => this.#perType.of(type) < this.#host.typeOf(type).policy.concurrency;

  #gathers(owner: string | null, type: string): boolean {
    if (this.#gathering.size === 0) return false;
    for (const run of this.#gathering) {
      if (!run.gathers) this.#gathering.delete(run);
      else if (run.type === type && run.owner === owner) return true;
    }
    return false;
  }
}
