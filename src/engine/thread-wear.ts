import type { Chunk } from './lanes.js';

/** When a thread is replaced by a new one, beside failures. */
export interface RecycleLimits {
  /** After so many tasks. */
  readonly afterTasks: number;
  /** When more of its heap is used after a chunk. Megabytes. */
  readonly heapMb: number;
}

/** What the thread of a lane has been used for, and so whether it may be used further. */
export class ThreadWear {
  readonly #afterTasks: number;
  /** The tasks that it has had; nobody counts them where there is no limit. */
  readonly #tasks = new Set<string>();
  /** Those of them that go on. */
  readonly #unsettled = new Set<string>();
  #lastTask: string | null = null;
  /** It belongs to the last task alone. */
  #isolated = false;
  #lastTaskSettled = false;
  #spoiled = false;

  constructor(afterTasks: number) {
    this.#afterTasks = afterTasks;
  }

  /** The thread must not be used any more once it is idle: its heap is too large, a module failed to load, a stray error. */
  spoil(): void {
    this.#spoiled = true;
  }

  /** Whether the chunk may run on this thread. */
  fits({ taskIds, fresh, phase }: Chunk): boolean {
    const taskId = taskIds[0] as string;
    if (this.#spoiled) return false;
    if (this.#lastTask === null || this.#lastTask === taskId) return true;
    if (this.#isolated || fresh) return false;
    return phase === 'load' || this.#tasks.size < this.#afterTasks || this.#tasks.has(taskId);
  }

  /** All tasks of a pack count, so that one may bring a thread over its limit. */
  began({ taskIds, fresh, phase }: Chunk): void {
    const last = taskIds.at(-1) as string;
    // Loading a module belongs to no task.
    if (phase === 'load' || last === this.#lastTask) return;
    this.#lastTask = last;
    this.#lastTaskSettled = false;
    this.#isolated = fresh;
    if (this.#afterTasks === Infinity) return;
    for (const taskId of taskIds) {
      this.#tasks.add(taskId);
      this.#unsettled.add(taskId);
    }
  }

  settled(taskId: string): void {
    if (taskId === this.#lastTask) this.#lastTaskSettled = true;
    this.#unsettled.delete(taskId);
  }

  /** Whether an idle thread is to be replaced now, before there is a chunk that it does not fit. */
  get worn(): boolean {
    if (this.#spoiled || (this.#isolated && this.#lastTaskSettled)) return true;
    return this.#tasks.size >= this.#afterTasks && this.#unsettled.size === 0;
  }
}
