import { type Range, isRange } from './define-task.js';
import { invalidArgument } from './errors.js';
import { PULL_SLICE_MS } from './options.js';
import { isPromise } from './warm-things.js';

/** What `items` may be. */
export type Items<Item> = readonly Item[] | Iterable<Item> | AsyncIterable<Item>;

/** Items `from` to `to` of a task, as a chunk carries them. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  /** Absent where the items are numbers, shifted by `offset`. */
  readonly items?: readonly unknown[] | undefined;
  readonly offset?: number | undefined;
}

/** Where a task's items come from, cut by cut. */
export interface ItemSource {
  /** Null while unknown. */
  readonly total: number | null;
  /** Items that were not cut yet; null while unknown. */
  readonly rest: number | null;
  /** True when no item will ever come again. */
  readonly exhausted: boolean;
  /** Up to `count` items; null when none is at hand right now: `onReady` is called when that changes. */
  take(count: number): Cut | null;
  /** Tells an iterator that no more is wanted. */
  close(): void;
}

export interface ItemSourceEvents {
  onReady(): void;
  /** The iterator threw. */
  onError(error: unknown): void;
}

/** @throws TreadleError INVALID_ARGUMENT for anything that is no array, range or iterable. A string is refused too. */
export function checkItems(items: unknown): Items<unknown> {
  const candidate = items as { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown } | null;
  const iterable =
    typeof candidate === 'object' &&
    candidate !== null &&
    (typeof candidate[Symbol.iterator] === 'function' || typeof candidate[Symbol.asyncIterator] === 'function');
  if (!iterable) throw invalidArgument('items', 'an array, a range, an iterable or an async iterable', items);
  return items as Items<unknown>;
}

/** How many items there are; null where that shows only when they are read. */
export function countOf(items: Items<unknown>): number | null {
  if (Array.isArray(items)) return items.length;
  return isRange(items) ? items.to - items.from : null;
}

export function itemSource(items: Items<unknown>, events: ItemSourceEvents): ItemSource {
  if (Array.isArray(items))
    return new IndexedSource(items.length, (from, to) => ({ from, to, items: items.slice(from, to) }));
  if (isRange(items)) return rangeSource(items);
  return new IteratorSource(items, events);
}

/** The items of a range, by their bounds alone. */
export function rangeSource(bounds: Pick<Range, 'from' | 'to'>): ItemSource {
  return new IndexedSource(bounds.to - bounds.from, (from, to) => ({ from, to, offset: bounds.from }));
}

/** What is left of a cut from item `from` of the task on. */
export function restSource({ from: first, to, items, offset }: Cut, from: number): ItemSource {
  const skipped = from - first;
  return new IndexedSource(to - from, (begin, end) => ({
    from: from + begin,
    to: from + end,
    items: items?.slice(skipped + begin, skipped + end),
    offset,
  }));
}

/** Arrays, ranges, and what is left of either. */
class IndexedSource implements ItemSource {
  readonly total: number;
  readonly #cut: (from: number, to: number) => Cut;
  #at = 0;

  constructor(total: number, cut: (from: number, to: number) => Cut) {
    this.total = total;
    this.#cut = cut;
  }

  get rest(): number {
    return this.total - this.#at;
  }

  get exhausted(): boolean {
    return this.#at >= this.total;
  }

  take(count: number): Cut | null {
    if (this.exhausted) return null;
    const from = this.#at;
    this.#at = Math.min(this.total, from + count);
    return this.#cut(from, this.#at);
  }

  close(): void {
    this.#at = this.total;
  }
}

/**
 * Iterators. One cut is pulled ahead; pulling hands the event loop back every few milliseconds, and never happens
 * while a pulled cut waits for a lane, so that memory stays bounded however long the sequence is.
 */
class IteratorSource implements ItemSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #asynchronous: boolean;
  readonly #events: ItemSourceEvents;
  #pulled: unknown[] = [];
  #from = 0;
  #done = false;
  #pulling = false;
  #closed = false;

  constructor(items: Iterable<unknown> | AsyncIterable<unknown>, events: ItemSourceEvents) {
    this.#asynchronous = Symbol.asyncIterator in items;
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#events = events;
  }

  get total(): number | null {
    return this.#done ? this.#from + this.#pulled.length : null;
  }

  get rest(): number | null {
    return this.#done ? this.#pulled.length : null;
  }

  get exhausted(): boolean {
    return this.#closed || (this.#done && this.#pulled.length === 0);
  }

  take(count: number): Cut | null {
    if (this.#pulled.length === 0 && !this.#done && !this.#closed) this.#startPull(count);
    if (this.#pulling || this.#closed || this.#pulled.length === 0) return null;
    const items = this.#pulled.splice(0, count);
    const from = this.#from;
    this.#from += items.length;
    if (this.#pulled.length === 0 && !this.#done) this.#startPull(count);
    return { from, to: this.#from, items };
  }

  #startPull(count: number): void {
    if (this.#pulling) return;
    this.#pulling = true;
    // A short pull from a synchronous iterator ends within this call: who is told of it must not be called back inside.
    void this.#pull(count).then(
      () => (this.#closed ? this.#return() : this.#events.onReady()),
      (error: unknown) => this.#events.onError(error),
    );
  }

  async #pull(count: number): Promise<void> {
    try {
      let sliceEnd = performance.now() + PULL_SLICE_MS;
      while (this.#pulled.length < count && !this.#closed) {
        const step = this.#iterator.next();
        // Awaited only where it must be: a turn of the microtask queue costs more than a cheap item.
        const { done, value } = isPromise(step) ? await step : step;
        if (done === true) {
          this.#done = true;
          break;
        }
        this.#pulled.push(value);
        if (performance.now() >= sliceEnd) {
          await new Promise<void>((resolve) => void setImmediate(resolve));
          sliceEnd = performance.now() + PULL_SLICE_MS;
        }
      }
    } catch (error) {
      // An iterator that threw is over: it must not be asked to return.
      this.#done = true;
      throw error;
    } finally {
      this.#pulling = false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pulled = [];
    // A synchronous generator that is asked for an item can't return meanwhile: the pull tells it then. An asynchronous
    // one is told at once, as the item it waits for may never come.
    if (!this.#pulling || this.#asynchronous) this.#return();
  }

  #return(): void {
    if (this.#done) return;
    this.#done = true;
    try {
      const returned: unknown = this.#iterator.return?.();
      if (isPromise(returned)) returned.then(undefined, () => {});
    } catch {
      // The task is over; what its iterator thinks of that changes nothing.
    }
  }
}
