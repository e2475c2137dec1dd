import type { ControlBlock } from './control-block.js';
import type { TaskContext } from './define-task.js';
import { MAX_MESSAGES, type Notes } from './protocol.js';
import type { TaskMessage } from './task-record.js';

// Long enough for what a record keeps, short enough to send.
const MAX_SENT_TEXT = 4_000;
const NOTES_EVERY_MS = 100;

/** Thrown by `ctx.throwIfCancelled()`. */
export class WorkStopped extends Error {
  override readonly name = 'AbortError';
  readonly code = 'TASK_CANCELLED';

  constructor() {
    super('The task was told to stop');
  }
}

/** What a context needs of its thread. */
export interface ContextHost {
  readonly control: ControlBlock;
  /** The context whose work runs now: any other one is stale and must not write. */
  readonly current: WorkerContext | null;
  sendNotes(member: number, notes: Notes): void;
  warm<T>(key: string, factory: () => T): T;
}

/** {@link TaskContext} on a worker thread, for one member of one flight. */
export class WorkerContext implements TaskContext {
  readonly taskId: string;
  readonly attempt: number;
  readonly data: unknown;
  readonly epoch: number;
  readonly #host: ContextHost;
  readonly index: number;
  #controller: AbortController | null = null;
  #countsItems = false;
  #stage: string | undefined;
  #messages: TaskMessage[] = [];
  #dropped = 0;
  #lastNotesAt = -Infinity;
  #notesTimer: NodeJS.Timeout | null = null;

  constructor(host: ContextHost, epoch: number, index: number, taskId: string, attempt: number, data: unknown) {
    this.#host = host;
    this.index = index;
    this.epoch = epoch;
    this.taskId = taskId;
    this.attempt = attempt;
    this.data = data;
  }

  get cancelled(): boolean {
    return this.#host.control.isAsked(this.epoch, this.index);
  }

  /** Told to, or left over of a flight that has ended. */
  get #mustStop(): boolean {
    return this.cancelled || this.#host.current !== this;
  }

  /** True for what work throws because it was told to stop. */
  isStop(thrown: unknown): boolean {
    if (!this.cancelled) return false;
    if (thrown instanceof WorkStopped) return true;
    try {
      return (thrown as { name?: unknown } | null | undefined)?.name === 'AbortError';
    } catch {
      return false;
    }
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#mustStop) this.abort();
    return this.#controller.signal;
  }

  /** Wakes work that waits on the signal. */
  abort(): void {
    if (this.#controller?.signal.aborted === false) this.#controller.abort(new WorkStopped());
  }

  progress(done: number, total?: number): void {
    if (this.#host.current !== this) return;
    // The items are counted already, and by that count an item is found that ends its thread.
    if (this.#countsItems) return this.#host.control.beat();
    this.#host.control.count(done);
    if (total !== undefined) this.#host.control.countTotal(total);
  }

  /** The engine runs the items one by one, and has come past so many of them. */
  countItems(done: number): void {
    this.#countsItems = true;
    this.#host.control.count(done);
  }

  stage(name: string): void {
    if (this.#host.current !== this) return;
    this.#host.control.beat();
    this.#stage = String(name).slice(0, MAX_SENT_TEXT);
    this.#notesDue();
  }

  log(message: string): void {
    if (this.#host.current !== this) return;
    this.#host.control.beat();
    this.#messages.push({ at: Date.now(), text: String(message).slice(0, MAX_SENT_TEXT) });
    if (this.#messages.length > MAX_MESSAGES) {
      this.#messages.shift();
      this.#dropped++;
    }
    this.#notesDue();
  }

  throwIfCancelled(): void {
    if (!this.#mustStop) return this.#host.control.beat();
    this.abort();
    throw new WorkStopped();
  }

  perThread<T>(key: string, factory: () => T): T {
    // One that is left over shares nothing any more.
    return this.#host.current === this ? this.#host.warm(key, factory) : factory();
  }

  // At most ten notes a second. The clock is asked too, because no timer fires inside a synchronous loop.
  #notesDue(): void {
    const wait = this.#lastNotesAt + NOTES_EVERY_MS - performance.now();
    if (wait <= 0) this.sendNotes();
    else this.#notesTimer ??= setTimeout(() => this.sendNotes(), wait).unref();
  }

  /** Sends what is left to tell; the last time when the work is over. */
  sendNotes(): void {
    if (this.#notesTimer !== null) clearTimeout(this.#notesTimer);
    this.#notesTimer = null;
    if (this.#stage === undefined && this.#messages.length === 0) return;
    const notes = { stage: this.#stage, messages: this.#messages, dropped: this.#dropped };
    this.#stage = undefined;
    this.#messages = [];
    this.#dropped = 0;
    this.#lastNotesAt = performance.now();
    this.#host.sendNotes(this.index, notes);
  }
}
