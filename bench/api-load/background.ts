import assert from 'node:assert/strict';
import { ROUNDS_PER_US, hashRounds } from '../tasks/hash-rounds.js';
import { OWNERS } from './callers.js';
import type { BusyManager } from './server.js';

const BATCHES_OF_OWNER = 2;
const ITEMS = 200;
const ITEM_US = 5_000;
// Not all alike, and few to check.
const ROUNDS = Array.from({ length: 8 }, (_, at) => ROUNDS_PER_US * ITEM_US + at);

/** Batches of real work, a second of a core each, so many that no thread is ever without. */
export class Background {
  readonly #manager: BusyManager;
  readonly #items = Array.from({ length: ITEMS }, (_, at) => ROUNDS[at % ROUNDS.length] as number);
  readonly #expected: readonly number[];
  #working = false;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(manager: BusyManager) {
    this.#manager = manager;
    const hashes = ROUNDS.map(hashRounds);
    this.#expected = this.#items.map((_, at) => hashes[at % ROUNDS.length] as number);
  }

  begin(): void {
    if (this.#working) return;
    this.#working = true;
    const lanes = OWNERS.flatMap((owner) => Array.from({ length: BATCHES_OF_OWNER }, () => this.#lane(owner)));
    this.#lanes = Promise.all(lanes);
    // It is `end` that rejects.
    this.#lanes.catch(() => {});
  }

  /** Cancels what is not done. Rejects when a result was wrong. */
  async end(): Promise<void> {
    this.#working = false;
    for (const { id } of this.#manager.list({ type: 'batch', limit: 200 }).records) this.#manager.cancel(id);
    await this.#lanes;
  }

  async #lane(owner: string): Promise<void> {
    while (this.#working) {
      const task = await this.#manager.submit('batch', { items: this.#items, input: null, owner });
      const { status, result } = await task.settled();
      if (!this.#working && status === 'cancelled') return;
      assert.deepEqual(result, this.#expected);
    }
  }
}
