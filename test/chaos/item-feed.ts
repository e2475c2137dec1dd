import { type Items, range } from 'treadle';
import type { TaskPlan } from './task-plan.js';

/** The items of a task as its submitter gives them, with what its fault does to them. */
export class ItemFeed {
  readonly items: Items<unknown> | undefined;
  readonly #plan: TaskPlan;
  #asked = 0;
  #ended = false;
  #returned = 0;
  #endSeen = false;
  #returnedAfterEnd = false;

  constructor(plan: TaskPlan) {
    this.#plan = plan;
    this.items = this.#make();
  }

  /** What is wrong with how the iterator was treated, once its task has settled; null where nothing is. */
  get complaint(): string | null {
    if (this.#returned > 1) return `its iterator was told to return ${this.#returned} times`;
    if (this.#returnedAfterEnd) return 'its iterator was told to return after its end';
    if (this.#asked > 0 && !this.#ended && this.#returned === 0) return 'its iterator was never told to return';
    return null;
  }

  #make(): Items<unknown> | undefined {
    const { itemsFrom, items, fault, at } = this.#plan;
    switch (itemsFrom) {
      case 'none':
        return undefined;
      case 'array':
        return Array.from({ length: items }, (_, item) =>
          fault === 'items-unclonable' && item === at ? () => 1 : item,
        );
      case 'range':
        return range(0, items);
      case 'iterator':
        return {
          [Symbol.iterator]: (): Iterator<unknown> => ({
            next: () => this.#next(),
            return: () => this.#return(),
          }),
        } as Iterable<unknown>;
      case 'async-iterator':
        return {
          [Symbol.asyncIterator]: (): AsyncIterator<unknown> => ({
            next: async () => {
              // Now and then an item takes a turn of the event loop.
              if (this.#asked % 5 === 0) await new Promise((resolve) => void setImmediate(resolve));
              const { fault: name } = this.#plan;
              if (name === 'items-never-come' && this.#asked >= this.#plan.at) return new Promise(this.#never);
              return this.#next();
            },
            return: async () => this.#return(),
          }),
        };
    }
  }

  readonly #never = (): void => void this.#asked++;

  #next(): IteratorResult<unknown> {
    const { items, fault, at, number } = this.#plan;
    const item = this.#asked++;
    if (fault === 'items-throw' && item === at) {
      this.#end();
      throw new Error(`the items of task ${number} throw`);
    }
    if (fault === 'items-unclonable' && item === at) return { done: false, value: () => 1 };
    const endless = fault === 'items-without-end' || fault === 'items-never-come';
    if (item < items || endless) return { done: false, value: item };
    this.#end();
    return { done: true, value: undefined };
  }

  /** Who asks an asynchronous iterator sees its end a little later. */
  #end(): void {
    this.#ended = true;
    if (this.#plan.itemsFrom === 'iterator') this.#endSeen = true;
    else setImmediate(() => (this.#endSeen = true));
  }

  #return(): IteratorResult<unknown> {
    this.#returned++;
    // Not one that comes to its end later, in a step that was under way.
    this.#returnedAfterEnd ||= this.#endSeen;
    return { done: true, value: undefined };
  }
}
