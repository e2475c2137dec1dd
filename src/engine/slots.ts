import pLimit, { type LimitFunction } from 'p-limit';

/** A permission to be in progress: call it, through {@link Slots.giveBack}, when it is not needed any more. */
export type Slot = () => void;

/** The permissions to be in progress. p-limit holds them; its own queue stays empty, because the order is the scheduler's. */
export class Slots {
  readonly #limit: LimitFunction;
  /**
   * Those that are held for nobody. They are kept for what comes next, because to get one takes a small task longer than all
   * else that happens to it on the way to a thread.
   */
  readonly #spare: Slot[] = [];

  readonly #onFree: () => void;

  /** `onFree` is called when there is one again that had to be given back to p-limit. */
  constructor(max: number, onFree: () => void) {
    this.#limit = pLimit(max);
    this.#onFree = onFree;
  }

  get max(): number {
    return this.#limit.concurrency;
  }

  set max(max: number) {
    this.#limit.concurrency = max;
    while (this.#limit.activeCount > max && this.#spare.length > 0) this.#spare.pop()?.();
  }

  get hasOne(): boolean {
    const { activeCount, pendingCount, concurrency } = this.#limit;
    return activeCount + pendingCount - this.#spare.length < concurrency;
  }

  /** There are fewer than are held. */
  get tooMany(): boolean {
    return this.#limit.activeCount > this.#limit.concurrency;
  }

  /** Calls `begin` with a slot, where there is one: at once, or in a moment. */
  take(begin: (slot: Slot) => void): void {
    const slot = this.#spare.pop();
    if (slot !== undefined) return begin(slot);
    const held = this.#limit(() => new Promise<void>((giveBack) => begin(giveBack)));
    // It is free only now, a moment after it was given back.
    void held.then(this.#onFree);
  }

  giveBack(slot: Slot): void {
    if (this.tooMany) slot();
    else this.#spare.push(slot);
  }
}
