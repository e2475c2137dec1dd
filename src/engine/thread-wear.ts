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
  /** How many tasks it has had; one that comes again after another counts again. */
  #tasks = 0;
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
    return chunk.phase === 'load' || this.#tasks < this.#afterTasks;
  }

  began(chunk: Chunk): void {
    // Loading a module belongs to no task.
    if (chunk.phase === 'load' || chunk.taskId === this.#lastTask) return;
    this.#tasks++;
    this.#lastTask = chunk.taskId;
    this.#lastTaskSettled = false;
    this.#isolated = chunk.fresh;
  }

  settled(taskId: string): void {
    if (taskId === this.#lastTask) this.#lastTaskSettled = true;
  }

  /** Whether an idle thread is to be replaced now, before there is a chunk that it does not fit. */
  get worn(): boolean {
    return this.#spoiled || (this.#lastTaskSettled && (this.#isolated || this.#tasks >= this.#afterTasks));
  }
}
