/** What an owner with something in progress has, and has used. */
export interface OwnerShare {
  slots: number;
  /** Thread-milliseconds, whatever the priorities: an owner can't have more of the threads by asking for it. */
  usedMs: number;
}

// How far an owner may be behind the others, in thread-milliseconds: what it did not want then, it does not get afterwards.
const MAX_CREDIT_MS = 250;

/** The shares of all owners that have a slot. All tasks without an owner count as one's. */
export class OwnerShares {
  readonly #shares = new Map<string | null, OwnerShare>();
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

  /** Gives an owner a slot. One that had none starts level with who has used least. */
  addSlot(owner: string | null): OwnerShare {
    let share = this.#shares.get(owner);
    if (share === undefined) this.#shares.set(owner, (share = { slots: 0, usedMs: this.#leastUsed() }));
    share.slots++;
    return share;
  }

  /** Takes one back. An owner without any is forgotten. */
  removeSlot(owner: string | null): void {
    const share = this.#shares.get(owner);
    if (share !== undefined && --share.slots === 0) this.#shares.delete(owner);
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
