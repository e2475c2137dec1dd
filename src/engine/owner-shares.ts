/** What an owner with something in progress has and has used. */
interface Share {
  slots: number;
  /** Thread-milliseconds, whatever the priorities: an owner can't have more of the threads by asking for it. */
  usedMs: number;
}

/** How far an owner may be behind the others in thread-milliseconds: what it did not want then, it does not get afterwards. */
const MAX_CREDIT_MS = 250;

/** Slots and thread time of each owner that has something in progress. All tasks without an owner count as one's. */
export class OwnerShares {
  readonly #shares = new Map<string | null, Share>();
  /** What the owner that had the last turn had used. */
  #levelMs = 0;

  /** Whether there is anything to share. */
  get several(): boolean {
    return this.#shares.size > 1;
  }

  slotsOf(owner: string | null): number {
    return this.#shares.get(owner)?.slots ?? 0;
  }

  /** Thread-milliseconds since it has something in progress, from where it began. */
  usedMsOf(owner: string | null): number {
    return this.#shares.get(owner)?.usedMs ?? 0;
  }

  /** Gives an owner a slot. One that had none starts level with who has used least. */
  addSlot(owner: string | null): void {
    const share = this.#shares.get(owner);
    if (share === undefined) this.#shares.set(owner, { slots: 1, usedMs: this.#leastUsed() });
    else share.slots++;
  }

  /** Takes one back. An owner without any is forgotten. */
  removeSlot(owner: string | null): void {
    const share = this.#shares.get(owner);
    if (share !== undefined && --share.slots === 0) this.#shares.delete(owner);
  }

  /** Counts thread time of an owner, if it is known; less than 0 where too much was counted in advance. */
  charge(owner: string | null, ms: number): void {
    const share = this.#shares.get(owner);
    if (share !== undefined) share.usedMs += ms;
  }

  /** An owner has a turn. */
  serve(owner: string | null): void {
    const share = this.#shares.get(owner);
    if (share === undefined) return;
    share.usedMs = Math.max(share.usedMs, this.#levelMs - MAX_CREDIT_MS);
    this.#levelMs = Math.max(share.usedMs, this.#levelMs);
  }

  #leastUsed(): number {
    let least = Infinity;
    for (const { usedMs } of this.#shares.values()) least = Math.min(least, usedMs);
    return least === Infinity ? 0 : least;
  }
}
