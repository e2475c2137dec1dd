import type { Clock } from './clock.js';
import { invalidArgument } from './errors.js';
import type { SettledRecord } from './task-record.js';

/** Called once for a task when it has settled. What it returns is not awaited. */
export type SettledHook = (record: SettledRecord) => unknown;

// How long hooks may keep one turn of the event loop to themselves; the rest of them get the next.
const SLICE_MS = 5;

/**
 * Who wants to know of every task that settles, with nobody reading. Each is called once for a task, in order, isolated
 * from what the others throw. Slow ones give way to the tasks: after a few milliseconds the others are called in the
 * next turn.
 */
export class Hooks {
  readonly #hooks = new Set<SettledHook>();
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #onError: (error: unknown) => void;
  readonly #nextTurn: (fire: () => void) => void;
  /** Calls that are due, in order. */
  #due: (() => unknown)[] = [];
  #calling = false;
  #spentMs = 0;
  #turnDue = false;
  /** Slices of time that were used up, and how many of them {@link catchUp} knows of. */
  #turns = 0;
  #turnsSeen = -1;

  /** `nextTurn` calls back in the next turn of the event loop. */
  constructor(
    clock: Pick<Clock, 'monotonic'>,
    onError: (error: unknown) => void,
    nextTurn: (fire: () => void) => void = setImmediate,
  ) {
    this.#clock = clock;
    this.#onError = onError;
    this.#nextTurn = nextTurn;
  }

  /** Returns what unregisters it. A function given twice is called twice. */
  add(hook: SettledHook): () => void {
    if (typeof hook !== 'function') throw invalidArgument('hook', 'a function', hook);
    const own: SettledHook = (record) => (this.#hooks.has(own) ? hook(record) : undefined);
    this.#hooks.add(own);
    return () => void this.#hooks.delete(own);
  }

  /** How many calls are due. */
  get due(): number {
    return this.#due.length;
  }

  /** Calls the hooks of one task, then those of all. One that is added meanwhile waits for the next task. */
  fire(record: SettledRecord, ofTask: readonly SettledHook[], ofType: SettledHook | null): void {
    for (const hook of ofTask) this.#due.push(() => hook(record));
    if (ofType !== null) this.#due.push(() => ofType(record));
    for (const hook of this.#hooks) this.#due.push(() => hook(record));
    if (this.#due.length > 0) this.#callDue();
  }

  /** Calls what is due where no turn has come since the last time this was asked. Returns how many calls there were. */
  catchUp(): number {
    const before = this.#due.length;
    const stuck = before > 0 && this.#turns === this.#turnsSeen;
    if (stuck) this.#nextSlice();
    this.#turnsSeen = this.#turns;
    return stuck ? before - this.#due.length : 0;
  }

  /** Resolves when nothing is due any more. */
  async allCalled(): Promise<void> {
    while (this.#due.length > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  #callDue(): void {
    // A hook that settles another task must not be called back inside.
    if (this.#calling) return;
    this.#calling = true;
    let called = 0;
    while (called < this.#due.length && this.#spentMs < SLICE_MS) {
      const since = this.#clock.monotonic();
      this.#call(this.#due[called++] as () => unknown);
      this.#spentMs += this.#clock.monotonic() - since;
    }
    this.#due.splice(0, called);
    this.#calling = false;
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#nextTurn(() => this.#nextSlice());
  }

  #nextSlice(): void {
    this.#turns++;
    this.#turnDue = false;
    this.#spentMs = 0;
    if (this.#due.length > 0) this.#callDue();
  }

  #call(hook: () => unknown): void {
    try {
      const returned = hook();
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#onError(error));
    } catch (error) {
      this.#onError(error);
    }
  }
}
