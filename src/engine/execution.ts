import { boxMsOf } from './chunk.js';
import type { Clock, StopTimer } from './clock.js';
import { deferred } from './deferred.js';
import { TreadleError } from './errors.js';
import { type ItemSource, type Items, itemSource, rangeSource } from './item-source.js';
import { ItemWork } from './item-work.js';
import type { Chunk, Flight, Lanes, Outcome } from './lanes.js';
import { CLEANUP_TIMEOUT_MS } from './options.js';
import { type InputMessage, type Notes, type Phase, reviveThrown, serializeThrown } from './protocol.js';
import { NO_INPUT, errorOfUnsendable, packInput } from './task-input.js';
import { errorOfLost, errorOfThrown, errorOfTimeout } from './task-failure.js';
import type { Settlement, StopReason, Task } from './task.js';
import type { TaskMessage } from './task-record.js';
import type { ResolvedTaskType } from './task-type.js';

export interface ExecutionHost {
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly threads: () => number;
  /** It may have a chunk to send. */
  onReady(execution: Execution): void;
  /** It goes on after it had nothing to send, and nothing in flight. */
  onRested(execution: Execution): void;
  onMessages(task: Task, messages: readonly TaskMessage[]): void;
}

// A chunk that a thread died under before beginning it is sent again at no cost, but not for ever.
const MAX_RESENDS = 3;

/**
 * One task in progress, as steps: plan → cut → run → finish → cleanup → settle. It decides what to send next and what
 * an outcome means; when it is sent is the scheduler's business, where it runs the lanes'.
 */
export class Execution {
  readonly task: Task;
  readonly type: ResolvedTaskType;
  /** Resolves when the task has settled and no lane works on it. */
  readonly left: Promise<void>;
  /**
   * Thread-milliseconds used, by weight: each step of priority halves what a millisecond costs. What flies now counts
   * as one target. Who has used least is next.
   */
  usedMs = 0;
  readonly #host: ExecutionHost;
  readonly #flights: { readonly flight: Flight; readonly chunk: Chunk }[] = [];
  readonly #leave: () => void;
  readonly #input: InputMessage;
  #phase: Exclude<Phase, 'load'> | 'over' = 'run';
  /** Null for work in one piece, and until a plan has come back. */
  #items: ItemWork | null = null;
  /** Chunks to send before new ones are cut. */
  #again: Chunk[] = [];
  /** Some of the task's own code has run, so there may be something to clean up. */
  #ran = false;
  /** When it was told to stop, everything had been sent already. */
  #cutAll = false;
  /** How it will end, once known; it settles after `cleanup`. */
  #end: Settlement | null = null;
  #stopGrace: StopTimer | null = null;
  #stopTimeout: StopTimer | null = null;

  constructor(task: Task, type: ResolvedTaskType, host: ExecutionHost) {
    this.task = task;
    this.type = type;
    this.#host = host;
    const left = deferred<void>();
    this.left = left.promise;
    this.#leave = left.resolve;
    const items = task.work?.items ?? null;
    const packed = packInput(task);
    if (packed instanceof TreadleError) {
      this.#input = NO_INPUT;
      this.#end = { status: 'failed', error: packed };
      return;
    }
    this.#input = packed;
    if (items !== null) this.#begin(items);
    else if (type.shape?.kind !== 'task') this.#phase = 'plan';
  }

  /** True when what is left is short and ends a task: it goes before all other chunks. */
  get urgent(): boolean {
    return this.#phase === 'finish' || this.#phase === 'cleanup';
  }

  get stopping(): boolean {
    return this.#end !== null || this.task.stopping !== null;
  }

  get inFlight(): number {
    return this.#flights.length;
  }

  /** How many more lanes it could use now. */
  get wants(): number {
    if (this.#phase === 'over') return 0;
    if (this.stopping && this.#phase !== 'cleanup') return 0;
    if (this.#phase !== 'run' || this.#items === null) return this.#flights.length === 0 ? 1 : 0;
    const spare = this.type.policy.parallelism - this.#flights.length;
    if (spare <= 0) return 0;
    if (this.#items.allCut) return Math.min(spare, this.#again.length);
    return Math.min(spare, this.#host.threads());
  }

  /** Looks what comes next: after admission, and when the lanes have closed. */
  proceed(): void {
    this.#advance();
  }

  /** Sends the next chunk to a free lane; false when there is none right now. */
  launchNext(): boolean {
    const chunk = this.wants > 0 ? this.#next() : null;
    if (chunk === null) return false;
    const { task } = this;
    const price = 2 ** -task.priority;
    const chargeMs = this.type.policy.chunk.targetMs;
    this.usedMs += chargeMs * price;
    // Cleaning up after a task that was stopped between two attempts does not make it running again.
    if (task.status === 'pending' && chunk.phase !== 'cleanup') {
      task.transition('running');
      this.#startTimeout();
    }
    const flight = this.#host.lanes.send(chunk, (notes) => this.#onNotes(notes));
    const flying = { flight, chunk };
    this.#flights.push(flying);
    if (chunk.phase === 'cleanup') this.#killLater(CLEANUP_TIMEOUT_MS);
    void flight.outcome.then((outcome) => {
      this.usedMs += (outcome.ms - chargeMs) * price;
      this.#flights.splice(this.#flights.indexOf(flying), 1);
      this.#onOutcome(chunk, outcome);
      this.#advance();
    });
    return true;
  }

  /** Asks the task to stop; after the grace its threads are ended by force, where the type allows that. */
  stop(reason: StopReason): void {
    if (this.stopping || this.#phase === 'over') return;
    const { task } = this;
    task.stopping = reason;
    this.#cutAll = this.#items?.allCut === true && this.#again.length === 0;
    this.#again = [];
    this.#items?.close();
    if (reason === 'cancel' && task.status === 'running') task.transition('cancelling');
    else task.touch();
    for (const { flight } of this.#flights) flight.cancel();
    this.#killLater(this.type.policy.cancelGraceMs);
    this.#advance();
  }

  /** Stops without grace. Types that must not be killed are only asked. */
  interrupt(): void {
    this.stop('cancel');
    this.#kill();
  }

  /** Takes in what the lanes have counted. */
  sample(): void {
    const { progress } = this.task;
    let done = 0;
    for (const { flight, chunk } of this.#flights) {
      if (chunk.phase !== 'run' && !(chunk.phase === 'plan' && this.type.shape?.kind !== 'batch')) continue;
      const counted = flight.sample();
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
    const events = { onReady: () => this.#onItemsCame(), onError: (error: unknown) => this.#onItemsFailed(error) };
    try {
      this.#useSource(itemSource(items, events));
    } catch (error) {
      this.#onItemsFailed(error);
    }
  }

  #onItemsCame(): void {
    if (this.#flights.length === 0) this.#host.onRested(this);
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
    this.#items = new ItemWork(source, this.type.policy.chunk);
    this.task.progress.setTotal(source.total);
  }

  #next(): Chunk | null {
    const again = this.#again.shift();
    if (again !== undefined) return again;
    if (this.#phase === 'run' && this.#items !== null) {
      const cut = this.#items.cut(this.#host.threads());
      return cut === null ? null : this.#chunk(cut);
    }
    const parts = this.#phase === 'finish' ? this.#items?.parts() : undefined;
    return this.#chunk({ from: 0, to: 0, parts });
  }

  #chunk(work: Pick<Chunk, 'from' | 'to' | 'items' | 'offset' | 'parts'>): Chunk {
    return {
      taskId: this.task.id,
      type: this.type.index,
      phase: this.#phase as Phase,
      // Chunks of items have a budget each.
      attempt: this.#items === null ? this.task.attempt : 1,
      resends: 0,
      input: this.#input,
      describe: this.type.shape === null,
      boxMs: boxMsOf(this.type.policy.chunk),
      ...work,
    };
  }

  #onNotes(notes: Notes): void {
    const added = this.task.addNotes(notes);
    if (added.length > 0) this.#host.onMessages(this.task, added);
    this.task.changed();
  }

  #onOutcome(chunk: Chunk, outcome: Outcome): void {
    if (outcome.shape !== null) this.type.shape = outcome.shape;
    this.#ran ||=
      !(outcome.kind === 'lost' && outcome.loading) &&
      !(outcome.kind === 'threw' && outcome.code === 'TASK_MODULE_FAILED');
    if (chunk.phase === 'cleanup') return this.#onCleanedUp(outcome);
    switch (outcome.kind) {
      case 'returned':
        return this.#onReturned(chunk, outcome);
      case 'planned':
        return this.#onPlanned(outcome.items);
      case 'threw':
        return this.#onFailed(chunk, errorOfThrown(this.task.identity, outcome), this.type.policy.retries);
      case 'lost': {
        if (this.stopping) return;
        // Nor does a module have to have done it that was being loaded when the thread died, unless it happens again.
        if (!outcome.claimed && chunk.resends < (outcome.loading ? 1 : MAX_RESENDS)) {
          this.#again.push({ ...chunk, resends: chunk.resends + 1 });
          return;
        }
        const ofBatch = this.#items !== null || (chunk.phase === 'plan' && this.type.shape?.kind === 'batch');
        const retries = Math.max(this.type.policy.retries, ofBatch ? 1 : 0);
        return this.#onFailed(chunk, errorOfLost(this.task.identity, outcome), retries);
      }
      case 'unsendable':
        return this.#fail(errorOfUnsendable(this.task, chunk, outcome.error));
      case 'stopped':
        // Only work that was told to stop answers so.
        if (!this.stopping) this.#again.push(chunk);
        return;
    }
  }

  #onReturned(chunk: Chunk, outcome: Outcome & { kind: 'returned' }): void {
    if (chunk.phase !== 'run' || this.#items === null) {
      // One piece, or `finish`: the work is done, whoever asked to stop it meanwhile.
      if (this.task.stopping === null || this.task.stopping === 'cancel') {
        const noFinish = chunk.phase === 'finish' && this.type.shape?.finish === false;
        this.#end ??= { status: 'completed', value: noFinish ? this.#items?.results() : outcome.value };
      }
      return;
    }
    const sent = chunk.to - chunk.from;
    this.#items.record(chunk.from, sent, outcome);
    this.task.progress.acknowledge(outcome.done);
    if (outcome.done < sent && !this.stopping) this.#again.push(restOf(chunk, outcome.done));
  }

  #onPlanned(items: readonly unknown[] | { readonly from: number; readonly to: number }): void {
    if (this.stopping) return;
    if ('from' in items) this.#useSource(rangeSource(items));
    else this.#begin(items);
  }

  /** A chunk failed: once more, or the end of the task. */
  #onFailed(chunk: Chunk, error: TreadleError, retries: number): void {
    const { task } = this;
    if (task.stopping === 'cancel' && (chunk.phase === 'finish' || this.#items === null)) {
      this.#end ??= { status: 'failed', error };
    }
    if (this.stopping) return;
    const retriable =
      error.code !== 'TASK_MODULE_FAILED' && error.code !== 'UNSERIALIZABLE' && error.code !== 'INVALID_ARGUMENT';
    if (!retriable || chunk.attempt > retries) return this.#fail(error);
    if (this.#items === null) {
      task.attempt++;
      this.#stopTimeout?.();
      task.transition('pending');
    }
    this.#again.push({ ...chunk, attempt: chunk.attempt + 1 });
  }

  #fail(error: TreadleError): void {
    if (this.stopping) return;
    this.#end = { status: 'failed', error };
    this.task.stopping = 'failure';
    this.#again = [];
    this.#items?.close();
    for (const { flight } of this.#flights) flight.cancel();
    this.#killLater(this.type.policy.cancelGraceMs);
  }

  #onCleanedUp(outcome: Outcome): void {
    if (outcome.kind !== 'returned' && outcome.kind !== 'stopped') {
      const error = outcome.kind === 'lost' ? errorOfLost(this.task.identity, outcome) : null;
      const text = outcome.kind === 'threw' ? outcome.error.message : (error?.message ?? 'it could not be sent');
      this.#onNotes({ messages: [{ at: this.#host.clock.now(), text: `cleanup failed: ${text}` }], dropped: 0 });
    }
    this.#settle();
  }

  /** Looks what comes next, now that something has changed. */
  #advance(): void {
    if (this.#phase === 'over') return;
    // Nobody is left to clean up.
    if (this.#phase === 'cleanup' && this.#flights.length === 0 && this.#host.lanes.closed) return this.#settle();
    // An iterator knows its total once it has ended.
    if (this.#items !== null && !this.stopping) this.task.progress.setTotal(this.#items.total);
    if (this.#flights.length === 0 && this.#phase !== 'cleanup') {
      this.#end ??= this.#endNow();
      if (this.#end !== null) return this.#cleanUp();
    }
    if (this.wants > 0) this.#host.onReady(this);
  }

  /** How the task ends if it ends here, with no lane at work on it. */
  #endNow(): Settlement | null {
    const { task } = this;
    if (task.stopping === 'timeout')
      return { status: 'failed', error: errorOfTimeout(task.identity, this.type.policy.timeoutMs) };
    if (task.stopping === 'cancel') {
      const everything = this.#cutAll && this.#items?.allDone === true && this.type.shape?.finish === false;
      return everything ? { status: 'completed', value: this.#items?.results() } : { status: 'cancelled' };
    }
    if (this.#phase !== 'run' || this.#items?.allCut !== true || this.#again.length > 0) return null;
    // Without a single item no thread has told yet whether there is a `finish`; sending one is harmless.
    if (this.type.shape?.finish !== false) {
      this.#phase = 'finish';
      return null;
    }
    return { status: 'completed', value: this.#items.results() };
  }

  #cleanUp(): void {
    const nothingToDo = this.type.shape?.cleanup === false || this.type.shape?.kind === 'task';
    if (!this.#ran || nothingToDo || this.#host.lanes.closed) return this.#settle();
    this.#stopGrace?.();
    this.#stopGrace = null;
    this.#phase = 'cleanup';
    this.#host.onReady(this);
  }

  #settle(): void {
    this.#phase = 'over';
    this.#stopGrace?.();
    this.#stopTimeout?.();
    if ('shared' in this.#input) this.#host.lanes.forget(this.task.id);
    // What was counted in flight has been acknowledged, or is lost.
    if (this.#items !== null) this.sample();
    try {
      if (this.#end !== null) this.#settleTask(this.#end);
    } finally {
      this.#leave();
    }
  }

  #settleTask(end: Settlement): void {
    // What failed before anything was sent goes through `running`, as every failure does.
    if (end.status !== 'cancelled' && this.task.status === 'pending') this.task.transition('running');
    this.task.settle(end);
  }

  #startTimeout(): void {
    const { timeoutMs } = this.type.policy;
    if (timeoutMs !== Infinity) this.#stopTimeout = this.#host.clock.after(timeoutMs, () => this.stop('timeout'));
  }

  #killLater(ms: number): void {
    this.#stopGrace?.();
    this.#stopGrace = this.#host.clock.after(ms, () => this.#kill());
  }

  #kill(): void {
    if (!this.type.policy.killable) return;
    for (const { flight } of this.#flights) flight.kill();
  }
}

function restOf(chunk: Chunk, done: number): Chunk {
  return { ...chunk, from: chunk.from + done, items: chunk.items?.slice(done), attempt: 1 };
}

function clamp(value: number, max: number): number {
  return value > 0 ? Math.min(value, max) : 0;
}
