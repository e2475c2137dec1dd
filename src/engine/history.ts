import type { Clock } from './clock.js';
import { LinkedList } from './linked-list.js';
import type { SettledRecord } from './task-record.js';

export interface HistoryOptions {
  readonly max: number;
  readonly completedTtlMs: number;
  readonly failedTtlMs: number;
}

/**
 * The bounded store of settled records: at most `max`, the oldest go first, each no longer than its time to live.
 * Tasks in progress are never in it, so they can't be evicted.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #clock: Clock;
  readonly #onEvict: (record: SettledRecord) => void;
  // Two lists, because what failed is kept longer: each of them is in the order in which its records expire.
  readonly #failed = new LinkedList<SettledRecord>();
  readonly #others = new LinkedList<SettledRecord>();
  #order = 0;

  constructor(options: HistoryOptions, clock: Clock, onEvict: (record: SettledRecord) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#failed.size + this.#others.size;
  }

  add(record: SettledRecord): void {
    (record.status === 'failed' ? this.#failed : this.#others).append(record, this.#order++);
    while (this.size > this.#options.max) this.#evictOldest();
    this.#evictExpired(record.completedAt, Infinity);
  }

  /** Lets go of what is past its time, at most `max` records; returns how many. */
  evictExpired(max: number = Infinity): number {
    return this.#evictExpired(this.#clock.now(), max);
  }

  #evictExpired(now: number, max: number): number {
    const failed = this.#evictBefore(this.#failed, now - this.#options.failedTtlMs, max);
    return failed + this.#evictBefore(this.#others, now - this.#options.completedTtlMs, max - failed);
  }

  #evictBefore(list: LinkedList<SettledRecord>, before: number, max: number): number {
    let evicted = 0;
    while (evicted < max && list.first !== null && list.first.value.completedAt < before) {
      this.#evictFirst(list);
      evicted++;
    }
    return evicted;
  }

  #evictOldest(): void {
    const failed = this.#failed.first?.order ?? Infinity;
    const other = this.#others.first?.order ?? Infinity;
    this.#evictFirst(failed < other ? this.#failed : this.#others);
  }

  #evictFirst(list: LinkedList<SettledRecord>): void {
    const { first } = list;
    if (first === null) return;
    list.remove(first);
    this.#onEvict(first.value);
  }
}
