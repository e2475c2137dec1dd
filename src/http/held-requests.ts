import type { NodeSocket } from './loopback.js';
import { Refusal } from './refusal.js';

/** Requests that are held open, by owner: each takes memory and a connection for as long as the caller likes. */
export class HeldRequests {
  readonly #maxPerOwner: number;
  readonly #held = new Map<string | null, number>();
  /** What is told when a connection has gone. */
  readonly #waiting = new WeakMap<NodeSocket, Set<() => void>>();

  constructor(maxPerOwner: number) {
    this.#maxPerOwner = maxPerOwner;
  }

  /**
   * Returns what lets go of it; calling that again changes nothing. `onGone` is called, later and at most once, when the
   * connection is closed before that: of requests that wait behind another one on the same connection no adapter tells.
   * @throws Refusal RESOURCE_EXHAUSTED
   */
  hold(owner: string | null, socket: NodeSocket | undefined, onGone: () => void): () => void {
    const count = this.#held.get(owner) ?? 0;
    if (count >= this.#maxPerOwner) {
      throw new Refusal('RESOURCE_EXHAUSTED', `Expected at most ${this.#maxPerOwner} requests to be held open`, {
        retryAfterSeconds: 1,
        details: { max_held: this.#maxPerOwner },
      });
    }
    this.#held.set(owner, count + 1);
    const waiting = socket === undefined ? null : this.#waitingAt(socket);
    // It may have gone while it was found out who asks.
    if (socket?.destroyed === true) queueMicrotask(onGone);
    else waiting?.add(onGone);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      waiting?.delete(onGone);
      const left = (this.#held.get(owner) ?? 1) - 1;
      if (left === 0) this.#held.delete(owner);
      else this.#held.set(owner, left);
    };
  }

  #waitingAt(socket: NodeSocket): Set<() => void> {
    let waiting = this.#waiting.get(socket);
    if (waiting !== undefined) return waiting;
    this.#waiting.set(socket, (waiting = new Set()));
    const all = waiting;
    // One listener for all that a connection has.
    socket.once?.('close', () => {
      for (const onGone of all) onGone();
    });
    return all;
  }
}
