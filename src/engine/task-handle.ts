import { TreadleError } from './errors.js';
import { type SettledRecord, type TaskRecord, isTerminal } from './task-record.js';
import type { Task } from './task.js';

/** What a handle asks of its manager. */
export interface HandleHost {
  record(task: Task): TaskRecord;
  cancel(task: Task): void;
}

/** A submitted task, for whoever submitted it. */
export class TaskHandle<Result = unknown> {
  readonly #task: Task;
  readonly #host: HandleHost;

  constructor(task: Task, host: HandleHost) {
    this.#task = task;
    this.#host = host;
  }

  get id(): string {
    return this.#task.id;
  }

  get type(): string {
    return this.#task.identity.type;
  }

  /** The task at this moment, frozen. */
  get record(): TaskRecord {
    return this.#host.record(this.#task);
  }

  /**
   * What the task returned, of any size. The promise is made on demand: a failed task that nobody asks about is no
   * unhandled rejection.
   *
   * @throws TreadleError TASK_FAILED, TASK_CANCELLED, TASK_TIMEOUT, TASK_EXPIRED, WORKER_EXITED, WORKER_OUT_OF_MEMORY,
   *   TASK_MODULE_FAILED, UNSERIALIZABLE; `cause` is what the task threw.
   */
  result(): Promise<Result> {
    return this.#task.whenSettled().then((settlement) => {
      if (settlement.status === 'completed') return settlement.value as Result;
      if (settlement.status === 'failed') throw settlement.error;
      throw new TreadleError('TASK_CANCELLED', `Task ${this.id} (${this.type}) was cancelled`, { taskId: this.id });
    });
  }

  /** The final record. Never rejects. */
  async settled(): Promise<SettledRecord> {
    await this.#task.whenSettled();
    return this.#task.snapshot() as SettledRecord;
  }

  /** Asks the task to stop, and returns its record. Cancelling twice, or a settled task, changes nothing. */
  cancel(): TaskRecord {
    this.#host.cancel(this.#task);
    return this.record;
  }

  /**
   * The task as it goes: the present record first, then the newest each time something changed (those between are
   * left out when the reader is slow), the final one last. Never throws.
   */
  async *watch(): AsyncGenerator<TaskRecord, void, undefined> {
    const task = this.#task;
    let changed = true;
    let wake: (() => void) | null = null;
    const leave = task.watch(() => {
      changed = true;
      wake?.();
    });
    try {
      for (;;) {
        if (!changed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        wake = null;
        changed = false;
        const record = this.record;
        yield record;
        if (isTerminal(record.status)) return;
      }
    } finally {
      leave();
    }
  }
}
