import { Refusal } from './refusal.js';

/** Requests that are held open, by owner: each takes memory and a connection for as long as the caller likes. */
export class HeldRequests {
  readonly #maxPerOwner: number;
  readonly #held = new Map<string | null, number>();

  constructor(maxPerOwner: number) {
    this.#maxPerOwner = maxPerOwner;
  }

  /** Returns what lets go of it; calling that again changes nothing. @throws Refusal RESOURCE_EXHAUSTED */
  hold(owner: string | null): () => void {
    const count = this.#held.get(owner) ?? 0;
    if (count >= this.#maxPerOwner) {
      throw new Refusal('RESOURCE_EXHAUSTED', `Expected at most ${this.#maxPerOwner} requests to be held open`, {
        retryAfterSeconds: 1,
        details: { max_held: this.#maxPerOwner },
      });
    }
    this.#held.set(owner, count + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = (this.#held.get(owner) ?? 1) - 1;
      if (left === 0) this.#held.delete(owner);
      else this.#held.set(owner, left);
    };
  }
}
