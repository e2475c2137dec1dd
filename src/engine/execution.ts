import { boxMsOf } from './chunk.js';
import { ChunkQueue, type ChunkQueueEvents } from './chunk-queue.js';
import type { Clock, StopTimer } from './clock.js';
import { range } from './define-task.js';
import { TreadleError } from './errors.js';
import { type Cut, type ItemSource, type Items, itemSource, rangeSource } from './item-source.js';
import { ItemWork } from './item-work.js';
import type { Chunk, Flight, FlightEvents, Lanes, Outcome } from './lanes.js';
import { CLEANUP_TIMEOUT_MS } from './options.js';
import { type Notes, type Phase, reviveThrown, serializeThrown } from './protocol.js';
import { givenIn } from './moving.js';
import type { OwnerShare } from './owner-shares.js';
import type { Run } from './run.js';
import type { Slot } from './slots.js';
import { type TaskFlightEvents, TaskFlights } from './task-flights.js';
import { errorOfUnsendable, isInputUnsendable, packInput } from './task-input.js';
import { errorOfLost, errorOfSilence, errorOfThrown, errorOfTimeout } from './task-failure.js';
import type { Settlement, StopReason, Task } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

export interface ExecutionHost {
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly threads: () => number;
  /** The manager is closing: what gave its slot back would not get one again. */
  readonly closing: () => boolean;
  /** It may have a chunk to send. */
  onReady(run: Run): void;
  /** It goes on after it had nothing to send, and nothing in flight. */
  onRested(run: Run): void;
  /** It is over without having settled the task, which is to be tried again after `delayMs`. */
  onRetry(task: Task, delayMs: number): void;
  onNotes(task: Task, notes: Notes): void;
}

// A chunk that a thread died under before beginning it is sent again at no cost, but not for ever.
const MAX_RESENDS = 3;

/**
 * One task in progress, as steps: plan → cut → run → finish → cleanup → settle. It decides what to send next and what
 * an outcome means; when it is sent is the scheduler's business, where it runs the lanes'.
 */
export class Execution implements Run, TaskFlightEvents, ChunkQueueEvents {
  readonly task: Task;
  onOver: () => void = () => {};
  readonly gathers = false;
  usedMs = 0;
  share: OwnerShare | null = null;
  slot: Slot | null = null;
  readonly #host: ExecutionHost;
  readonly #flights: TaskFlights;
  readonly #type: ResolvedTaskType;
  readonly #taskIds: readonly string[];
  readonly #inputs: readonly unknown[];
  readonly #shared: SharedArrayBuffer | undefined;
  #phase: Exclude<Phase, 'load'> | 'over' = 'run';
  /** Null for work in one piece, and until a plan has come back. */
  #items: ItemWork | null = null;
  /** Chunks to send before new ones are cut. */
  readonly #again: ChunkQueue;
  /** Some of the task's own code has run, so there may be something to clean up. */
  #ran = false;
  /** When it was told to stop, everything had been sent already. */
  #cutAll = false;
  /** How it will end, once known; it settles after `cleanup`. */
  #end: Settlement | null = null;
  /** Why its time is up. */
  #timeout: TreadleError | null = null;
  /** Nobody wants another attempt. */
  #isLast = false;
  #stopTimeout: StopTimer | null = null;

  constructor(task: Task, type: ResolvedTaskType, host: ExecutionHost) {
    this.task = task;
    this.#type = type;
    this.#host = host;
    this.#flights = new TaskFlights(host.clock, type.policy.killable, this);
    this.#again = new ChunkQueue(host.clock, this);
    const items = task.work?.items ?? null;
    const packed = packInput(task, type.shape?.kind === 'task');
    const unsendable = packed instanceof TreadleError;
    this.#taskIds = [task.id];
    this.#inputs = [!unsendable && 'value' in packed ? packed.value : undefined];
    this.#shared = !unsendable && 'shared' in packed ? packed.shared : undefined;
    if (unsendable) this.#end = { status: 'failed', error: packed };
    else if (items === null && type.shape?.kind !== 'task') this.#phase = 'plan';
  }

  get type(): string {
    return this.#type.name;
  }

  get owner(): string | null {
    return this.task.identity.owner;
  }

  *tasks(): Generator<Task, void, undefined> {
    if (this.task.settlement === null) yield this.task;
  }

  get urgent(): boolean {
    return this.#phase === 'finish' || this.#phase === 'cleanup';
  }

  get stopping(): boolean {
    return this.#end !== null || this.task.stopping !== null;
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get wants(): number {
    if (this.#phase === 'over') return 0;
    if (this.stopping && this.#phase !== 'cleanup') return 0;
    if (this.#phase !== 'run' || this.#items === null) {
      return this.#flights.size === 0 && this.#again.waiting === 0 ? 1 : 0;
    }
    const spare = this.#type.policy.parallelism - this.#flights.size;
    if (spare <= 0) return 0;
    if (this.#items.allCut) return Math.min(spare, this.#again.due);
    return Math.min(spare, this.#host.threads());
  }

  begin(): void {
    if (this.#phase === 'over') return;
    // The user's iterator may do anything when it is opened, cancel this task too.
    const items = this.task.work?.items ?? null;
    if (this.#end === null && items !== null) this.#begin(items);
    if (this.#end === null) this.#askBreaker();
    this.#advance();
  }

  #askBreaker(): void {
    if (!this.#type.breaker.isOpen) return;
    const refusal = this.#type.breaker.refusal(this.task.identity, this.#host.clock.monotonic());
    if (refusal === null) return;
    if (this.#items === null) this.#onFailed(this.#wholeChunk(), refusal);
    else this.#fail(refusal);
  }

  proceed(): void {
    this.#advance();
  }

  launchNext(): boolean {
    if (this.wants === 0) return false;
    const chunk = this.#next();
    // The user's iterator may have stopped the task.
    if (this.stopping && !this.urgent) return false;
    // Its first item is awaited: that belongs to the attempt.
    if (chunk === null) this.#startTimeout();
    if (chunk === null) return false;
    const { task } = this;
    // Cleaning up after a task that was stopped between two attempts does not make it running again.
    if (task.status === 'pending' && chunk.phase !== 'cleanup') {
      task.transition('running');
      // Who hears of it may stop it at once, or take the lane away.
      if (this.stopping) return false;
      this.#startTimeout();
      if (this.#host.lanes.free() === 0) {
        this.#again.add(chunk);
        return true;
      }
    }
    this.#use(this.#type.policy.chunk.targetMs);
    if (chunk.moves !== undefined) task.gaveAway = true;
    this.#flights.send(chunk, this.#host.lanes);
    if (chunk.phase === 'cleanup') this.#flights.killAfter(CLEANUP_TIMEOUT_MS);
    return true;
  }

  #use(ms: number): void {
    this.usedMs += ms * 2 ** -this.task.priority;
    if (this.share !== null) this.share.usedMs += ms;
  }

  onNotes(notes: Notes): void {
    this.#host.onNotes(this.task, notes);
  }

  onLanded(chunk: Chunk, outcome: Outcome): void {
    this.#use(outcome.ms - this.#type.policy.chunk.targetMs);
    this.#onOutcome(chunk, outcome);
    // What is to stop runs nothing again.
    if (this.stopping && this.#phase !== 'cleanup') this.#again.clear();
    this.#advance();
  }

  /**
   * Goes on with work in one piece that is under way as a member of a pack, and began `ageMs` ago; the pack pays for it.
   * Returns who is to be told of it.
   */
  adopt(flight: Flight, member: number, ageMs: number): FlightEvents {
    this.#startTimeout(ageMs);
    return this.#flights.adopt(this.#wholeChunk(), flight, member);
  }

  /** Goes on with work in one piece that has come back. */
  resume(outcome: Outcome): void {
    if (this.#phase === 'over') return;
    this.#onOutcome(this.#wholeChunk(), outcome);
    this.#advance();
  }

  cancel(): void {
    this.#stop('cancel');
  }

  /** Asks the task to stop; after the grace its threads are ended by force, where the type allows that. */
  #stop(reason: StopReason): void {
    // Where its time is up already, the cancel is heard by this.
    if (reason === 'cancel') this.#isLast = true;
    if (this.stopping || this.#phase === 'over') return;
    const { task } = this;
    task.stopping = reason;
    this.#cutAll = this.#items?.allCut === true && this.#again.size === 0;
    this.#again.clear();
    this.#items?.close();
    if (reason === 'cancel' && task.status === 'running') task.transition('cancelling');
    else task.touch();
    if (reason !== 'cancel') task.changed();
    this.#flights.stop(this.#type.policy.cancelGraceMs);
    this.#advance();
  }

  interrupt(): void {
    this.#stop('cancel');
    this.#flights.kill();
  }

  expire(_: Task, error: TreadleError): void {
    if (this.task.startedAt !== null) return;
    this.#fail(error);
    this.#advance();
  }

  get silentMs(): number {
    return this.#flights.silentMs();
  }

  checkHeartbeat(): void {
    const { heartbeatTimeoutMs } = this.#type.policy;
    if (heartbeatTimeoutMs === Infinity || this.#phase === 'cleanup' || this.silentMs <= heartbeatTimeoutMs) return;
    this.#timeOut(errorOfSilence(this.task.identity, heartbeatTimeoutMs));
  }

  sample(): void {
    const { progress } = this.task;
    let done = 0;
    for (const { chunk, counted } of this.#flights.sample()) {
      if (chunk.phase !== 'run' && !(chunk.phase === 'plan' && this.#type.shape?.kind !== 'batch')) continue;
      if (this.#items !== null) {
        done += clamp(counted.done, chunk.to - chunk.from);
      } else {
        done += clamp(counted.done, Infinity);
        if (counted.total > 0) progress.setTotal(counted.total);
      }
    }
    progress.sample(done, this.#host.clock.monotonic());
  }

  #begin(items: Items<unknown>): void {
    const events = { onReady: () => this.onDue(), onError: (error: unknown) => this.#onItemsFailed(error) };
    try {
      this.#useSource(itemSource(items, events));
    } catch (error) {
      this.#onItemsFailed(error);
    }
  }

  onDue(): void {
    if (this.#flights.size === 0) this.#host.onRested(this);
    this.#advance();
  }

  #onItemsFailed(thrown: unknown): void {
    const { id } = this.task;
    const cause = reviveThrown(serializeThrown(thrown));
    this.#fail(
      new TreadleError('TASK_FAILED', `The items of task ${id} failed to come: ${cause.message}`, {
        taskId: id,
        cause,
      }),
    );
    this.#advance();
  }

  #useSource(source: ItemSource): void {
    this.#phase = 'run';
    this.#items = new ItemWork(source, this.task, this.#type.policy, this.#again, this.#type.retries);
    this.task.progress.setTotal(source.total);
  }

  #next(): Chunk | null {
    const again = this.#again.take();
    if (again !== undefined) return again;
    if (this.#phase === 'run' && this.#items !== null) {
      const cut = this.#cut(this.#items);
      return cut === null ? null : withMoves(this.#chunk(cut), cut.items);
    }
    const parts = this.#phase === 'finish' ? this.#items?.parts() : undefined;
    const chunk = this.#chunk({ from: 0, to: 0, parts });
    // The chunks of a batch all need its input.
    return this.#type.shape?.kind === 'task' ? withMoves(chunk, this.#inputs) : chunk;
  }

  /** Items may throw when they are read: a getter, a proxy. */
  #cut(items: ItemWork): Cut | null {
    try {
      return items.cut(this.#host.threads());
    } catch (error) {
      this.#onItemsFailed(error);
      return null;
    }
  }

  #chunk({ from, to, items, offset, parts }: Pick<Chunk, 'from' | 'to' | 'items' | 'offset' | 'parts'>): Chunk {
    return {
      taskIds: this.#taskIds,
      inputs: this.#inputs,
      shared: this.#shared,
      type: this.#type.index,
      phase: this.#phase as Phase,
      // Chunks of items have a budget each.
      attempt: this.#items === null ? this.task.attempt : 1,
      failures: this.#items === null ? this.task.attempt - 1 : 0,
      resends: 0,
      describe: this.#type.shape === null,
      boxMs: boxMsOf(this.#type.policy.chunk),
      fresh: this.#type.policy.isolate,
      killable: this.#type.policy.killable,
      from,
      to,
      items,
      offset,
      parts,
    };
  }

  /** All that there is before there are items. */
  #wholeChunk(): Chunk {
    return this.#chunk({ from: 0, to: 0 });
  }

  #onOutcome(chunk: Chunk, outcome: Outcome): void {
    if (outcome.shape !== null) this.#type.shape = outcome.shape;
    this.#ran ||= hasRun(outcome);
    if (outcome.kind === 'returned') this.#type.breaker.succeeded();
    else this.#type.breaker.heard(this.task.identity, outcome, this.#host.clock.monotonic());
    if (chunk.phase === 'cleanup') return this.#onCleanedUp(chunk, outcome);
    switch (outcome.kind) {
      case 'returned':
        return this.#onReturned(chunk, outcome);
      case 'planned':
        return this.#onPlanned(outcome.items);
      case 'threw': {
        const error = errorOfThrown(this.task.identity, outcome);
        if (chunk.moves !== undefined) return this.#onFailed(chunk, error);
        const ofItems = this.#itemsOf(chunk);
        return ofItems === null
          ? this.#onFailed(chunk, error)
          : this.#failUnlessNull(ofItems.threw(chunk, outcome, error));
      }
      case 'lost':
        return this.#onLost(chunk, outcome);
      case 'unsendable': {
        const error = errorOfUnsendable(this.task, chunk, outcome.error);
        return isInputUnsendable(this.task, chunk) ? this.#fail(error) : this.#onFailed(chunk, error);
      }
      case 'stopped':
        // Only work that was told to stop answers so.
        if (!this.stopping) this.#again.add(chunk);
        return;
    }
  }

  #onReturned(chunk: Chunk, outcome: Outcome & { kind: 'returned' }): void {
    const items = this.#itemsOf(chunk);
    if (items !== null) return items.returned(chunk, outcome);
    // One piece, or `finish`: the work is done, whoever asked to stop it meanwhile.
    if (this.task.stopping === null || this.task.stopping === 'cancel') {
      const noFinish = chunk.phase === 'finish' && this.#type.shape?.finish === false;
      this.#end ??= { status: 'completed', value: noFinish ? this.#items?.results() : outcome.value };
    }
  }

  /** The items of the task, where the chunk is one of items. */
  #itemsOf(chunk: Chunk): ItemWork | null {
    return chunk.phase === 'run' ? this.#items : null;
  }

  #onPlanned(items: readonly unknown[] | { readonly from: number; readonly to: number }): void {
    if (this.stopping) return;
    const { work } = this.task;
    if (this.#type.policy.keepsInput && work !== null) {
      this.task.work = { ...work, planned: 'from' in items ? range(items.from, items.to) : items };
    }
    if ('from' in items) this.#useSource(rangeSource(items));
    else this.#begin(items);
  }

  /** The thread died under it. */
  #onLost(chunk: Chunk, outcome: Outcome & { kind: 'lost' }): void {
    if (this.stopping) return;
    if (chunk.moves !== undefined) return this.#fail(errorOfLost(this.task.identity, outcome));
    // Nor does a module have to have done it that was being loaded when the thread died, unless it happens again.
    if (!outcome.claimed && chunk.resends < (outcome.loading ? 1 : MAX_RESENDS)) {
      return this.#again.add({ ...chunk, resends: chunk.resends + 1 });
    }
    const items = this.#itemsOf(chunk);
    const several = chunk.to - chunk.from > 1;
    if (items !== null && several && outcome.claimed) {
      // With `each`, what it has counted says at which item it was.
      return items.split(chunk, this.#type.shape?.each === true ? chunk.from + outcome.done : null);
    }
    const { claimed } = outcome;
    const error = errorOfLost(this.task.identity, outcome, items !== null && !several && claimed ? chunk.from : null);
    // A batch does not fail because of one death that may have been another's doing.
    const ofBatch = this.#items !== null || (chunk.phase === 'plan' && this.#type.shape?.kind === 'batch');
    this.#onFailed(chunk, error, ofBatch ? 1 : 0, claimed);
  }

  /**
   * A chunk failed as a whole: once more, or the end of the task. The first `free` times it is tried again at once.
   * `itsOwn` is false where none of its code had begun.
   */
  #onFailed(chunk: Chunk, error: TreadleError, free = 0, itsOwn = true): void {
    if (this.task.stopping === 'cancel' && (chunk.phase === 'finish' || this.#items === null)) {
      this.#end ??= { status: 'failed', error };
    }
    if (this.stopping) return;
    if (chunk.moves !== undefined) return this.#fail(error);
    if (this.#items !== null) return this.#failUnlessNull(this.#items.failed(chunk, error, free, itsOwn));
    const delayMs = this.#retryDelayMs(chunk, error, free);
    if (delayMs === null) this.#fail(error);
    else this.#tryAgain(chunk, delayMs);
  }

  #retryDelayMs(chunk: Chunk, error: TreadleError, free = 0): number | null {
    if (this.#isLast || this.task.gaveAway || (this.#type.shape?.kind === 'task' && this.#host.closing())) return null;
    return this.#type.retries.delayMs(chunk.failures, error, free);
  }

  /** Another attempt of what has no items, or none yet. Work in one piece gives its slot back until then. */
  #tryAgain(chunk: Chunk, delayMs: number): void {
    const { task } = this;
    task.attempt++;
    this.#stopTimeout?.();
    this.#stopTimeout = null;
    this.#flights.keep();
    if (this.#type.shape?.kind === 'task') {
      this.#phase = 'over';
      this.#host.onRetry(task, delayMs);
      this.onOver();
    } else {
      this.#again.add({ ...chunk, attempt: chunk.attempt + 1, failures: chunk.failures + 1 }, delayMs);
    }
    task.transition('pending');
  }

  #failUnlessNull(error: TreadleError | null): void {
    if (error !== null) this.#fail(error);
  }

  #fail(error: TreadleError): void {
    if (this.stopping) return;
    this.#end = { status: 'failed', error };
    this.task.stopping = 'failure';
    this.task.changed();
    this.#again.clear();
    this.#items?.close();
    this.#flights.stop(this.#type.policy.cancelGraceMs);
  }

  #onCleanedUp(chunk: Chunk, outcome: Outcome): void {
    const unbegun = outcome.kind === 'lost' && !outcome.claimed && !outcome.loading;
    if (unbegun && chunk.resends < MAX_RESENDS) {
      return this.#again.add({ ...chunk, resends: chunk.resends + 1 });
    }
    if (outcome.kind !== 'returned' && outcome.kind !== 'stopped') {
      const error = outcome.kind === 'lost' ? errorOfLost(this.task.identity, outcome) : null;
      const text = outcome.kind === 'threw' ? outcome.error.message : (error?.message ?? 'it could not be sent');
      this.#host.onNotes(this.task, {
        messages: [{ at: this.#host.clock.now(), text: `cleanup failed: ${text}` }],
        dropped: 0,
      });
    }
    this.#settle();
  }

  /** Looks what comes next, now that something has changed. */
  #advance(): void {
    if (this.#phase === 'over') return;
    if (this.#flights.size === 0 && this.#host.lanes.closed) return this.#abandon();
    // An iterator knows its total once it has ended.
    if (this.#items !== null && !this.stopping) this.task.progress.setTotal(this.#items.total);
    if (this.#flights.size === 0 && this.#phase !== 'cleanup') {
      if (this.#end === null) {
        const end = this.#endNow();
        // Who hears of another attempt may have ended the task meanwhile.
        if (!this.#isRunning) return;
        this.#end ??= end;
      }
      if (this.#end !== null) return this.#cleanUp();
    }
    if (this.wants > 0) this.#host.onReady(this);
  }

  /** Nobody is left to go on with it, or to clean up. */
  #abandon(): void {
    if (this.#end === null && this.task.status === 'running') this.task.transition('cancelling');
    this.#end ??= { status: 'cancelled' };
    this.#settle();
  }

  /** Neither over, nor being cleaned up. */
  get #isRunning(): boolean {
    return this.#phase !== 'over' && this.#phase !== 'cleanup';
  }

  /** How the task ends if it ends here, with no lane at work on it. */
  #endNow(): Settlement | null {
    const { task } = this;
    if (task.stopping === 'timeout') return this.#endOfAttempt();
    if (task.stopping === 'cancel') {
      const everything = this.#cutAll && this.#items?.allOver === true && this.#type.shape?.finish === false;
      return everything ? { status: 'completed', value: this.#items?.results() } : { status: 'cancelled' };
    }
    if (this.#phase !== 'run' || this.#items?.allCut !== true || this.#again.size > 0) return null;
    // Without a single item no thread has told yet whether there is a `finish`; sending one is harmless.
    if (this.#type.shape?.finish !== false) {
      this.#phase = 'finish';
      return null;
    }
    return { status: 'completed', value: this.#items.results() };
  }

  /** Its time is up, and no lane works on it any more. */
  #endOfAttempt(): Settlement | null {
    const error = this.#timeout as TreadleError;
    const chunk = this.#wholeChunk();
    const delayMs = this.#items === null ? this.#retryDelayMs(chunk, error) : null;
    if (delayMs === null) return { status: 'failed', error };
    this.#timeout = null;
    this.task.stopping = null;
    this.#tryAgain(chunk, delayMs);
    return null;
  }

  #cleanUp(): void {
    const nothingToDo = this.#type.shape?.cleanup === false || this.#type.shape?.kind === 'task';
    if (!this.#ran || nothingToDo || this.#host.lanes.closed) return this.#settle();
    this.#flights.keep();
    this.#phase = 'cleanup';
    this.#host.onReady(this);
  }

  #settle(): void {
    this.#phase = 'over';
    this.#flights.keep();
    this.#again.clear();
    this.#stopTimeout?.();
    // What was counted in flight has been acknowledged, or is lost.
    if (this.#items !== null) this.sample();
    try {
      if (this.#end !== null) this.#settleTask(this.#end);
    } finally {
      this.onOver();
    }
  }

  #settleTask(end: Settlement): void {
    // Without a single item there was nothing to send.
    if (end.status === 'completed' && this.task.status === 'pending') this.task.transition('running');
    if (this.#type.policy.keepsInput) this.task.undone = this.#items?.undone() ?? null;
    this.task.settle(end);
  }

  /** `ageMs` is how long ago it began. */
  #startTimeout(ageMs = 0): void {
    const timeoutMs = this.task.work?.timeoutMs ?? this.#type.policy.timeoutMs;
    if (timeoutMs === Infinity || this.#stopTimeout !== null) return;
    const error = errorOfTimeout(this.task.identity, timeoutMs);
    this.#stopTimeout = this.#host.clock.after(Math.max(0, timeoutMs - ageMs), () => this.#timeOut(error));
  }

  #timeOut(error: TreadleError): void {
    if (this.stopping) return;
    this.#timeout = error;
    this.#stop('timeout');
  }
}

/** The chunk, with what of its `values` moves to the lane. It is not cut short: the rest could not be sent again. */
function withMoves(chunk: Chunk, values: readonly unknown[] | undefined): Chunk {
  const moves = givenIn(values);
  return moves.length === 0 ? chunk : { ...chunk, moves, boxMs: Infinity };
}

/** Whether a thread had begun the work. */
function hasRun(outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'lost':
      return outcome.claimed;
    case 'stopped':
      return outcome.begun;
    case 'threw':
      return outcome.code !== 'TASK_MODULE_FAILED';
    default:
      return outcome.kind !== 'unsendable';
  }
}

function clamp(value: number, max: number): number {
  return value > 0 ? Math.min(value, max) : 0;
}
