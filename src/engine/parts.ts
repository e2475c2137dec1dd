import { type IndexRange, rangesBetween } from './index-ranges.js';

const MAX_ARGUMENTS = 10_000;

interface Part {
  readonly from: number;
  readonly count: number;
  readonly value: unknown;
  readonly skipped: boolean;
}

/** What the chunks of a task returned, until it settles. */
export class Parts {
  readonly #parts: Part[] = [];
  #values = false;
  /** Items that are over: done or skipped. */
  items = 0;

  add(from: number, count: number, value: unknown): void {
    this.items += count;
    this.#values ||= value !== undefined;
    this.#parts.push({ from, count, value, skipped: false });
  }

  /** These have no result and will not get one. */
  skip({ from, to }: IndexRange): void {
    this.items += to - from;
    this.#parts.push({ from, count: to - from, value: undefined, skipped: true });
  }

  /** One value for each chunk, in the order of the items, without what was skipped. */
  inOrder(): unknown[] {
    return this.#sorted().flatMap((part) => (part.skipped ? [] : [part.value]));
  }

  /** Which of `total` items were not done. */
  undone(total: number): IndexRange[] {
    const done = this.#parts.filter((part) => !part.skipped);
    return rangesBetween(
      done.map(({ from, count }) => ({ from, to: from + count })),
      total,
    );
  }

  /** One value for each item, in order; undefined where no chunk returned anything. */
  flat(): unknown[] | undefined {
    if (!this.#values && this.#parts.some((part) => !part.skipped)) return undefined;
    const values = this.#sorted().map(({ value, count }): unknown[] =>
      Array.isArray(value) ? value : Array.from({ length: count }, () => undefined),
    );
    // `concat` copies memory, an eighth of the time that a push for each takes; a call has a limit of arguments.
    let flat: unknown[] = [];
    for (let at = 0; at < values.length; at += MAX_ARGUMENTS)
      flat = flat.concat(...values.slice(at, at + MAX_ARGUMENTS));
    return flat;
  }

  #sorted(): Part[] {
    return this.#parts.sort((a, b) => a.from - b.from);
  }
}
