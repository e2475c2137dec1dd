import { invalidArgument } from './errors.js';
import type { SettledRecord } from './task-record.js';

/** Called once for a task when it has settled. What it returns is not awaited. */
export type SettledHook = (record: SettledRecord) => unknown;

/** Who wants to know of every task that settles, with nobody reading; each isolated from what the others throw. */
export class Hooks {
  readonly #hooks = new Set<SettledHook>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Returns what unregisters it. A function given twice is called twice. */
  add(hook: SettledHook): () => void {
    if (typeof hook !== 'function') throw invalidArgument('hook', 'a function', hook);
    const own: SettledHook = (record) => hook(record);
    this.#hooks.add(own);
    return () => void this.#hooks.delete(own);
  }

  /** Calls the hooks of one task, then those of all. One that is added meanwhile waits for the next task. */
  fire(record: SettledRecord, ofTask: readonly SettledHook[], ofType: SettledHook | null): void {
    for (const hook of ofTask) this.#call(hook, record);
    if (ofType !== null) this.#call(ofType, record);
    const ofAll = [...this.#hooks];
    for (const hook of ofAll) this.#call(hook, record);
  }

  #call(hook: SettledHook, record: SettledRecord): void {
    try {
      const returned = hook(record);
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#onError(error));
    } catch (error) {
      this.#onError(error);
    }
  }
}
