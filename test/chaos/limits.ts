/**
 * A limit that may be changed while it is in use: nothing may come in above it, but what is in when it is lowered may
 * stay until it leaves by itself.
 */
export class MovingLimit {
  #limit: number;
  #ceiling: number;
  /** The most at once. */
  peak = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#ceiling = limit;
  }

  /** The limit is another one from now on. */
  set(limit: number): void {
    this.#limit = limit;
    this.#ceiling = Math.max(limit, this.#ceiling);
  }

  /** No more than so many are in: from here on no more may be, unless the limit allows them. */
  sink(inUse: number): void {
    this.#ceiling = Math.max(this.#limit, Math.min(this.#ceiling, inUse));
  }

  /** What is wrong with so many in use; null where it is right. */
  check(inUse: number): string | null {
    this.peak = Math.max(this.peak, inUse);
    return inUse > this.#ceiling ? `${inUse} in use, ${this.#limit} allowed` : null;
  }
}
