import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose code it is that runs on a thread. */
export interface Origin {
  /** The number of the task type. */
  readonly type: number;
  /** The URL of the task module. */
  readonly module: string;
  /** Null for what outlives a task: a module that loads, and what `ctx.perThread` sets up. */
  readonly taskId: string | null;
}

/**
 * What a thread works on now, and whose code anything that comes up was set going by: timers, promises and sockets
 * carry their origin along. Only `queueMicrotask` loses it.
 */
export class Origins {
  readonly #storage = new AsyncLocalStorage<Origin>();
  #present: Origin | null = null;
  #last: Origin | null = null;

  /** The present work of the thread; null between two pieces of work. */
  get present(): Origin | null {
    return this.#present;
  }

  /** Whose code runs at this very moment; undefined where that is not known. */
  get here(): Origin | undefined {
    return this.#storage.getStore();
  }

  begin(work: Origin): void {
    this.#present = work;
    this.#last = work;
  }

  end(): void {
    this.#present = null;
  }

  /** Runs code of this origin. */
  run<T>(origin: Origin, code: () => T): T {
    return this.#storage.run(origin, code);
  }

  /** True when what runs at this very moment was left behind by work that is over. */
  get stray(): boolean {
    return this.#present === null || this.#isForeignTo(this.#present);
  }

  /**
   * True when what runs at this very moment was left behind by work before the last: what it does to the thread is none
   * of the last one's doing. The host may not have heard yet that this has ended.
   */
  get foreign(): boolean {
    return this.#last !== null && this.#isForeignTo(this.#last);
  }

  // What is unknown counts as the work's own; so does what its module set up, because the work may well wait for it.
  #isForeignTo(work: Origin): boolean {
    const { here } = this;
    if (here === undefined || here === work) return false;
    return here.taskId !== null || here.module !== work.module;
  }
}
