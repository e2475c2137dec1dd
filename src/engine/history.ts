import type { Clock } from './clock.js';
import { LinkedList, type ListNode } from './linked-list.js';
import type { SettledRecord } from './task-record.js';

export interface HistoryOptions {
  readonly max: number;
  readonly completedTtlMs: number;
  readonly failedTtlMs: number;
}

interface Kept {
  readonly record: SettledRecord;
  readonly order: number;
}

/**
 * The bounded store of settled records: at most `max`, the oldest go first, each no longer than its time to live.
 * Tasks in progress are never in it, so they can't be evicted.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #clock: Clock;
  readonly #onEvict: (record: SettledRecord) => void;
  readonly #nodes = new Map<string, ListNode<Kept>>();
  // Two lists, because what failed is kept longer: each of them is in the order in which its records expire.
  readonly #failed = new LinkedList<Kept>();
  readonly #others = new LinkedList<Kept>();
  #order = 0;

  constructor(options: HistoryOptions, clock: Clock, onEvict: (record: SettledRecord) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#nodes.size;
  }

  add(record: SettledRecord): void {
    const list = record.status === 'failed' ? this.#failed : this.#others;
    this.#nodes.set(record.id, list.append({ record, order: this.#order++ }));
    while (this.#nodes.size > this.#options.max) this.#evictOldest();
    this.evictExpired();
  }

  get(id: string): SettledRecord | undefined {
    return this.#nodes.get(id)?.value.record;
  }

  /** Lets go of what is past its time. */
  evictExpired(): void {
    const now = this.#clock.now();
    this.#evictBefore(this.#failed, now - this.#options.failedTtlMs);
    this.#evictBefore(this.#others, now - this.#options.completedTtlMs);
  }

  #evictBefore(list: LinkedList<Kept>, before: number): void {
    while (list.first !== null && list.first.value.record.completedAt < before) this.#evict(list.first);
  }

  #evictOldest(): void {
    const failed = this.#failed.first;
    const other = this.#others.first;
    if (failed !== null && (other === null || failed.value.order < other.value.order)) this.#evict(failed);
    else if (other !== null) this.#evict(other);
  }

  #evict(node: ListNode<Kept>): void {
    node.list?.remove(node);
    this.#nodes.delete(node.value.record.id);
    this.#onEvict(node.value.record);
  }
}
