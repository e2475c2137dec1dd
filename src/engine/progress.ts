import type { ProgressSnapshot } from './task-record.js';

// What happened five seconds ago counts a third of what happens now.
const RATE_MEMORY_MS = 5_000;
// Everything is done only when the task is completed.
const ALMOST = 0.999;

/** How far one task is: acknowledged items, those counted in flight, and how fast it goes. */
export class Progress {
  #total: number | null = null;
  #acknowledged = 0;
  #inFlight = 0;
  #fraction = 0;
  #sampledAt: number | null = null;
  #sampledDone = 0;
  #decayedItems = 0;
  #decayedMs = 0;
  #toldDone = 0;
  #toldTotal: number | null = null;
  #completed = false;
  #ended = false;

  get done(): number {
    return this.#acknowledged + this.#inFlight;
  }

  setTotal(total: number | null): void {
    this.#total = total;
  }

  acknowledge(items: number): void {
    this.#acknowledged += items;
  }

  /** Takes in what lanes have counted. */
  sample(inFlight: number, nowMs: number): void {
    this.#inFlight = inFlight;
    if (this.#sampledAt !== null && nowMs > this.#sampledAt) {
      const passedMs = nowMs - this.#sampledAt;
      const keep = Math.exp(-passedMs / RATE_MEMORY_MS);
      this.#decayedItems = this.#decayedItems * keep + Math.max(0, this.done - this.#sampledDone);
      this.#decayedMs = this.#decayedMs * keep + passedMs;
    }
    this.#sampledAt = nowMs;
    this.#sampledDone = this.done;
  }

  /** True when there is something new since the last call. */
  takeChange(): boolean {
    const changed = this.done !== this.#toldDone || this.#total !== this.#toldTotal;
    this.#toldDone = this.done;
    this.#toldTotal = this.#total;
    return changed;
  }

  end(completed: boolean): void {
    this.#ended = true;
    if (!completed) return;
    this.#completed = true;
    this.#inFlight = 0;
    if (this.#total !== null) this.#acknowledged = this.#total;
  }

  snapshot(): ProgressSnapshot {
    const total = this.#total;
    const done = total === null ? this.done : Math.min(this.done, total);
    if (this.#completed) this.#fraction = 1;
    else if (total !== null && total > 0) this.#fraction = Math.max(this.#fraction, Math.min(ALMOST, done / total));
    const rate = this.#decayedMs > 0 ? (this.#decayedItems / this.#decayedMs) * 1_000 : null;
    return Object.freeze({
      itemsDone: done,
      itemsTotal: total,
      fraction: total === null && !this.#completed ? null : this.#fraction,
      rate,
      etaMs: total === null || rate === null || rate === 0 || this.#ended ? null : ((total - done) / rate) * 1_000,
    });
  }
}

/** Of a task that has told nothing yet. */
export const UNSEEN: ProgressSnapshot = Object.freeze({
  itemsDone: 0,
  itemsTotal: null,
  fraction: null,
  rate: null,
  etaMs: null,
});

/** Of a completed task that never told anything. */
export const COMPLETED_UNSEEN: ProgressSnapshot = Object.freeze({ ...UNSEEN, fraction: 1 });
