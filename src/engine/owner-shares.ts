/** What an owner with something in progress has, and has used. */
export interface OwnerShare {
  slots: number;
  /** Thread-milliseconds, whatever the priorities: an owner can't have more of the threads by asking for it. */
  usedMs: number;
}

// How far an owner may be behind the others, in thread-milliseconds: what it did not want then, it does not get afterwards.
const MAX_CREDIT_MS = 250;
const MAX_LEFT = 1_000;

/** The shares of all owners that have a slot. All tasks without an owner count as one's. */
export class OwnerShares {
  readonly #shares = new Map<string | null, OwnerShare>();
  /** What owners had used that have no slot any more; one that comes back soon goes on from there. */
  readonly #left = new Map<string | null, number>();
  /** What the owner that had the last turn had used. */
  #levelMs = 0;

  /** How many owners have a slot. */
  get size(): number {
    return this.#shares.size;
  }

  /** The owner that has slots, where only one has; undefined where none has. */
  get only(): string | null | undefined {
    for (const owner of this.#shares.keys()) return owner;
    return undefined;
  }

  slotsOf(owner: string | null): number {
    return this.#shares.get(owner)?.slots ?? 0;
  }

  /** Gives an owner a slot. One that had none for long starts level with who has used least. */
  addSlot(owner: string | null): OwnerShare {
    let share = this.#shares.get(owner);
    if (share === undefined) {
      const leastMs = this.#leastUsed();
      const usedMs = Math.max(this.#left.get(owner) ?? leastMs, leastMs - MAX_CREDIT_MS);
      this.#left.delete(owner);
      this.#shares.set(owner, (share = { slots: 0, usedMs }));
    }
    share.slots++;
    return share;
  }

  /** Takes one back. An owner without any is forgotten when the others have gone past it, or nobody has one. */
  removeSlot(owner: string | null): void {
    const share = this.#shares.get(owner);
    if (share === undefined || --share.slots > 0) return;
    this.#shares.delete(owner);
    if (this.#shares.size === 0) return this.#left.clear();
    this.#left.set(owner, share.usedMs);
    const goneMs = this.#leastUsed() - MAX_CREDIT_MS;
    for (const [name, usedMs] of this.#left) {
      if (usedMs > goneMs && this.#left.size <= MAX_LEFT) break;
      this.#left.delete(name);
    }
  }

  /** Counts thread time of an owner, where it has a slot. */
  charge(owner: string | null, ms: number): void {
    const share = this.#shares.get(owner);
    if (share !== undefined) share.usedMs += ms;
  }

  /** An owner has a turn. */
  serve(share: OwnerShare): void {
    share.usedMs = Math.max(share.usedMs, this.#levelMs - MAX_CREDIT_MS);
    this.#levelMs = Math.max(share.usedMs, this.#levelMs);
  }

  #leastUsed(): number {
    let least = Infinity;
    for (const { usedMs } of this.#shares.values()) least = Math.min(least, usedMs);
    return least === Infinity ? 0 : least;
  }
}
