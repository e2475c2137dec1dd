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
  /** The present work of the thread; null between two pieces of work. */
  present: Origin | null = null;

  /** Whose code runs at this very moment; undefined where that is not known. */
  get here(): Origin | undefined {
    return this.#storage.getStore();
  }

  /** Runs code of this origin. */
  run<T>(origin: Origin, code: () => T): T {
    return this.#storage.run(origin, code);
  }

  /**
   * True when what runs at this very moment was left behind by work that is over. What is unknown belongs to the present
   * work, where there is any; so does what the present module set up, because the work may well wait for it.
   */
  get stray(): boolean {
    const { present, here } = this;
    if (present === null) return true;
    if (here === undefined || here === present) return false;
    return here.taskId !== null || here.module !== present.module;
  }
}
