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
  fits(chunk: Chunk): boolean {
    if (this.#spoiled) return false;
    if (this.#lastTask === null || this.#lastTask === chunk.taskId) return true;
    if (this.#isolated || chunk.fresh) return false;
    return chunk.phase === 'load' || this.#tasks.size < this.#afterTasks || this.#tasks.has(chunk.taskId);
  }

  began(chunk: Chunk): void {
    // Loading a module belongs to no task.
    if (chunk.phase === 'load' || chunk.taskId === this.#lastTask) return;
    this.#lastTask = chunk.taskId;
    this.#lastTaskSettled = false;
    this.#isolated = chunk.fresh;
    if (this.#afterTasks === Infinity) return;
    this.#tasks.add(chunk.taskId);
    this.#unsettled.add(chunk.taskId);
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
