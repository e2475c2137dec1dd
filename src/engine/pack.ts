import type { Clock, StopTimer } from './clock.js';
import { bytesUpTo } from './cloneable.js';
import { MAX_MEMBERS } from './control-block.js';
import type { TreadleError } from './errors.js';
import type { Execution } from './execution.js';
import type { Chunk, Flight, FlightEvents, FlightOutcome, Lanes } from './lanes.js';
import { INLINE_INPUT_BYTES } from './options.js';
import type { Notes } from './protocol.js';
import type { OwnerShare } from './owner-shares.js';
import type { Run } from './run.js';
import type { Slot } from './slots.js';
import type { Task } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

/** What a pack needs of its manager. */
export interface PackHost {
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly threads: () => number;
  /** How many tasks of the type wait. */
  waiting(type: string): number;
  /** Takes the next waiting task of the type, unless it is not `wanted`. */
  takeNext(type: string, wanted: (task: Task) => boolean): Task | null;
  /** Tasks that were taken go back to where they came from. */
  putBack(tasks: readonly Task[]): void;
  /** What runs a task by itself. */
  execute(task: Task): Execution;
  /** A thread was used for an owner; less than 0 where too much was counted in advance. Milliseconds. */
  onUsed(owner: string | null, ms: number): void;
  onReady(run: Run): void;
  cancel(task: Task): void;
  onNotes(task: Task, notes: Notes): void;
}

// A task that takes longer than this is no company for others.
const OVERRUN_MS = 50;
// How long a host listens that has heard nothing, and may only have been held up itself.
const LISTEN_MS = 1;
const MAX_INPUT_BYTES = 16 * INLINE_INPUT_BYTES;

/** Whether a task may share a chunk with others. */
export function isPackable(task: Task, type: ResolvedTaskType): boolean {
  return isSmall(task, type) && inputBytes(task) < Infinity;
}

function isSmall({ work, alone, attempt }: Task, { policy, shape, breaker }: ResolvedTaskType): boolean {
  if (!policy.pack || shape?.kind !== 'task' || alone) return false;
  // While threads are kept from the type, each of its tasks has to ask.
  return attempt === 1 && work?.items === null && !breaker.isOpen;
}

/** Roughly; Infinity for one that is not sent with others. */
function inputBytes({ work }: Task): number {
  return bytesUpTo(work?.input, INLINE_INPUT_BYTES);
}

/**
 * Many small tasks in one chunk, by one slot. It begins with one task, and takes more of those that wait when it is sent.
 * A task that returns is settled here. What else may become of one is the business of an {@link Execution} of its own,
 * which also takes over a task that takes long or is to be stopped: all others then go back to the queue, whether they
 * have run or not, because what a thread has not told yet it tells after the long one.
 */
export class Pack implements Run, FlightEvents {
  onOver: () => void = () => {};
  readonly type: string;
  readonly owner: string | null;
  readonly urgent = false;
  readonly stopping = false;
  usedMs = 0;
  share: OwnerShare | null = null;
  slot: Slot | null = null;
  readonly #type: ResolvedTaskType;
  readonly #host: PackHost;
  /** By their places in the chunk; null where it is this pack's no longer. */
  readonly #tasks: (Task | null)[];
  /** How many of them were taken along for other owners, who pay their part. */
  #guests: Map<string | null, number> | null = null;
  #inputBytesLeft = MAX_INPUT_BYTES;
  #sent = false;
  #flight: Flight | null = null;
  /** When it was sent, or something was heard of it since. Milliseconds. */
  #heardAt = 0;
  #returned = 0;
  /** For how long nothing may be heard. Milliseconds. */
  #patienceMs = OVERRUN_MS;
  #stopWatch: StopTimer | null = null;
  /** The place of the task that was seen at work. It is the only one that is running, until something is heard of it. */
  #seen = -1;
  /** One that returned is being told of: until that is over no other is said to run. */
  #telling = false;
  /** The task that was set apart, its place, and who is told of it. */
  #apart: Execution | null = null;
  #apartMember = -1;
  #apartEvents: FlightEvents | null = null;

  constructor(first: Task, type: ResolvedTaskType, host: PackHost) {
    this.type = type.name;
    this.owner = first.identity.owner;
    this.#type = type;
    this.#host = host;
    this.#tasks = [first];
  }

  get gathers(): boolean {
    return !this.#sent;
  }

  get inFlight(): number {
    return this.#sent ? 1 : 0;
  }

  get wants(): number {
    return this.#sent ? 0 : Math.min(1 + this.#host.waiting(this.type), this.#host.threads());
  }

  *tasks(): Generator<Task, void, undefined> {
    for (const task of this.#tasks) if (task !== null) yield task;
    if (this.#apart !== null) yield* this.#apart.tasks();
  }

  begin(): void {
    this.#host.onReady(this);
  }

  launchNext(): boolean {
    if (this.#sent) return false;
    this.#sent = true;
    this.#gather();
    this.#heardAt = this.#host.clock.monotonic();
    this.#charge(this.#type.policy.chunk.targetMs);
    this.#flight = this.#host.lanes.send(this.#chunk(), this);
    // A lone task is looked at by `sample`, so that it needs no timer.
    if (this.#tasks.length > 1 || this.#patienceMs < OVERRUN_MS) this.#watch();
    return true;
  }

  /** Takes as many as should share the chunk. */
  #gather(): void {
    const { packSize } = this.#type;
    const size = Math.min(MAX_MEMBERS, packSize.next(1 + this.#host.waiting(this.type), this.#host.threads()));
    while (this.#tasks.length < size) {
      const task = this.#host.takeNext(this.type, this.#fits);
      if (task === null) return;
      task.run = this;
      this.#tasks.push(task);
      if (task.identity.owner !== this.owner) this.#addGuest(task.identity.owner);
    }
  }

  #addGuest(owner: string | null): void {
    this.#guests ??= new Map();
    this.#guests.set(owner, (this.#guests.get(owner) ?? 0) + 1);
  }

  /** Each owner pays for its tasks, as if all took the same time. */
  #charge(ms: number): void {
    let own = 1;
    for (const [owner, count] of this.#guests ?? []) {
      const part = count / this.#tasks.length;
      this.#host.onUsed(owner, ms * part);
      own -= part;
    }
    this.#host.onUsed(this.owner, ms * own);
  }

  readonly #fits = (task: Task): boolean => {
    if (!isSmall(task, this.#type)) return false;
    this.#inputBytesLeft -= inputBytes(task);
    return this.#inputBytesLeft >= 0;
  };

  #chunk(): Chunk {
    const taskIds: string[] = [];
    const inputs: unknown[] = [];
    for (const { id, work } of this.tasks()) {
      taskIds.push(id);
      inputs.push(work?.input);
      this.#patienceMs = Math.min(this.#patienceMs, work?.timeoutMs ?? this.#type.policy.timeoutMs);
    }
    return {
      taskIds,
      inputs,
      type: this.#type.index,
      phase: 'run',
      attempt: 1,
      failures: 0,
      resends: 0,
      from: 0,
      to: 0,
      describe: false,
      boxMs: 0,
      fresh: false,
      killable: this.#type.policy.killable,
    };
  }

  /** Sets a task apart when nothing was heard for long. */
  #watch(wasSilent = false): void {
    const restMs = this.#patienceMs - this.#silentForMs();
    if (restMs <= 0 && wasSilent) return this.#setApart();
    this.#stopWatch = this.#host.clock.after(Math.max(LISTEN_MS, restMs), () => this.#watch(restMs <= 0));
  }

  #silentForMs(): number {
    return this.#host.clock.monotonic() - this.#heardAt;
  }

  onNotes(notes: Notes, member: number): void {
    const task = this.#tasks[member] ?? null;
    if (member === this.#apartMember) this.#apartEvents?.onNotes(notes, member);
    else if (task !== null) this.#host.onNotes(task, notes);
  }

  onOutcome(outcome: FlightOutcome, member: number, ageMs: number): void {
    this.#heardAt = this.#host.clock.monotonic();
    if (member === this.#apartMember) return this.#apartEvents?.onOutcome(outcome, member, ageMs);
    const task = this.#tasks[member] ?? null;
    if (task === null) return;
    if (!isOfTask(outcome)) {
      // It stays until the lane has left, then it goes back.
      task.alone = true;
      return;
    }
    this.#tasks[member] = null;
    if (outcome.kind === 'returned') {
      this.#returned++;
      this.#type.breaker.succeeded();
      // Who hears of it may look at the pack, and the thread may be at the next one.
      this.#telling = true;
      task.transition('running', ageMs);
      task.settle({ status: 'completed', value: outcome.value });
      this.#telling = false;
    } else {
      const execution = this.#host.execute(task);
      task.run = execution;
      task.transition('running', ageMs);
      execution.resume(Object.assign(outcome, { ms: 0, shape: null }));
    }
  }

  onLeft(ms: number): void {
    this.#stopWatch?.();
    this.#flight = null;
    this.#type.packSize.record(ms, this.#returned);
    this.#giveBack();
    this.#charge((this.#apart === null ? ms : 0) - this.#type.policy.chunk.targetMs);
    // It had nearly all of it.
    if (this.#apart !== null) this.#host.onUsed(this.#apart.owner, ms);
    this.#apartEvents?.onLeft(ms, null);
    if (this.#apart === null) this.onOver();
  }

  /** All go back to the queue. */
  #giveBack(): void {
    const others: Task[] = [];
    for (const [member, task] of this.#tasks.entries()) {
      if (task === null) continue;
      this.#tasks[member] = null;
      others.push(task);
    }
    if (others.length === 0) return;
    this.#host.putBack(others);
    for (const task of others) if (task.status === 'running') task.transition('pending');
  }

  /** The place of the task that the lane is at; −1 where it is at none. */
  #present(): number {
    let member = this.#tasks.length - 1;
    while (member >= 0 && (this.#tasks[member]?.alone !== false || this.#flight?.hasBegun(member) !== true)) member--;
    return member;
  }

  /**
   * The task that the lane is at goes on alone, or that it would come to first; all others go back, to run elsewhere. Where
   * the lane does not even begin, because a module takes long to load, one is enough to wait for that, and to end it.
   */
  #setApart(): void {
    const flight = this.#flight;
    if (flight === null || this.#apart !== null) return;
    this.#stopWatch?.();
    const first = this.#tasks.findIndex((task) => task !== null && !task.alone);
    // From the last one on, so that the first that can't be taken back is the one that the lane is at.
    let member = this.#tasks.length - 1;
    while (member > first && (this.#tasks[member]?.alone !== false || flight.takeBack(member))) member--;
    const present = this.#tasks[member] ?? null;
    if (present !== null) {
      this.#tasks[member] = null;
      this.#apart = this.#host.execute(present);
      this.#apartMember = member;
      this.#apartEvents = this.#apart.adopt(flight, member, this.#silentForMs());
      present.run = this.#apart;
      this.#apart.onOver = () => this.onOver();
    }
    this.#giveBack();
    // Who heard of those may have asked it to stop.
    if (present?.stopping === null) present.transition('running', this.#silentForMs());
  }

  cancel(task: Task): void {
    if (this.#withdraw(task)) {
      // It had been seen at work before its lane was gone.
      if (task.status === 'running') task.transition('cancelling');
      task.settle({ status: 'cancelled' });
    } else if (task.run === this && this.#tasks.includes(task)) {
      this.#setApart();
      if (task.run !== this) this.#host.cancel(task);
    }
  }

  expire(task: Task, error: TreadleError): void {
    if (this.#withdraw(task)) task.settle({ status: 'failed', error });
  }

  /** Takes a task out that has not begun; false where it has. */
  #withdraw(task: Task): boolean {
    const member = this.#tasks.indexOf(task);
    if (member === -1) return false;
    const waits = !this.#sent || task.alone;
    if (!waits) {
      // Nobody is told of it, should the flight be over with this.
      this.#tasks[member] = null;
      if (this.#flight?.takeBack(member) === true) {
        this.#dismiss(this.#type.policy.cancelGraceMs);
        return true;
      }
      this.#tasks[member] = task;
      return false;
    }
    this.#tasks[member] = null;
    if (!this.#sent) {
      this.#sent = true;
      this.onOver();
    }
    return true;
  }

  /** Ends a lane that nobody needs any more, where it does not leave by itself: it may hang in the module. */
  #dismiss(graceMs: number): void {
    if (this.#flight === null || this.#apart !== null || this.#tasks.some((task) => task !== null)) return;
    this.#stopWatch?.();
    if (this.#type.policy.killable) this.#stopWatch = this.#host.clock.after(graceMs, () => this.#flight?.kill());
  }

  interrupt(): void {
    this.#setApart();
    this.#apart?.interrupt();
    for (const task of this.#tasks) if (task !== null) this.cancel(task);
    this.#dismiss(0);
  }

  sample(): void {
    this.#apart?.sample();
    const flight = this.#flight;
    if (flight === null || this.#apart !== null || this.#telling) return;
    if (this.#stopWatch === null && this.#silentForMs() >= this.#patienceMs) this.#watch();
    const member = this.#present();
    const task = this.#tasks[member] ?? null;
    if (task === null) return;
    // Those before it are over, but that may not have been heard yet: then it is not said to run beside them.
    if ((this.#tasks[this.#seen] ?? null) === null && this.#tasks.findIndex((other) => other !== null) === member) {
      this.#seen = member;
      task.transition('running', this.#silentForMs());
    }
    if (this.#seen !== member) return;
    const { done, total } = flight.sample();
    if (total > 0) task.progress.setTotal(total);
    if (done > 0) task.progress.sample(done, this.#host.clock.monotonic());
  }

  get silentMs(): number {
    return this.#apart?.silentMs ?? 0;
  }

  checkHeartbeat(): void {
    this.#apart?.checkHeartbeat();
  }

  proceed(): void {
    this.#apart?.proceed();
  }
}

/** Whether an outcome says something of the task, or just that it has to be sent again. */
function isOfTask(outcome: FlightOutcome): boolean {
  return outcome.kind === 'returned' || outcome.kind === 'threw' || (outcome.kind === 'lost' && outcome.claimed);
}
