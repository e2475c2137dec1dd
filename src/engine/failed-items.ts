import type { TreadleError } from './errors.js';
import { errorInfo } from './task-failure.js';
import type { FailedItem, FailedItems } from './task-record.js';

/** How many failed items a record names; it counts all of them. */
export const MAX_FAILED_ITEMS = 50;

/** Items that failed and were skipped. */
export class FailedItemList {
  #count = 0;
  /** The first that were found. */
  readonly #items: FailedItem[] = [];

  get count(): number {
    return this.#count;
  }

  /** True where another item would be counted only. */
  get full(): boolean {
    return this.#items.length >= MAX_FAILED_ITEMS;
  }

  add(index: number, error: TreadleError): void {
    this.#count++;
    if (!this.full) this.#items.push(Object.freeze({ index, error: errorInfo(error) }));
  }

  /** Those that are only counted. */
  addMore(count: number): void {
    this.#count += count;
  }

  snapshot(): FailedItems {
    const items = this.#items.toSorted((a, b) => a.index - b.index);
    return Object.freeze({ count: this.#count, items: Object.freeze(items) });
  }
}

/** Of a task without any. */
export const NO_FAILED_ITEMS: FailedItems = Object.freeze({ count: 0, items: Object.freeze([]) });
