import { ChunkSizer, type ResolvedChunkOptions } from './chunk.js';
import type { Cut, ItemSource } from './item-source.js';
import { Parts } from './parts.js';

/** The items of one task: where they come from, how they are cut, and what has come back of them. */
export class ItemWork {
  readonly #source: ItemSource;
  readonly #sizer: ChunkSizer;
  readonly #parts = new Parts();

  constructor(source: ItemSource, options: ResolvedChunkOptions) {
    this.#source = source;
    this.#sizer = new ChunkSizer(options);
  }

  /** Null while unknown. */
  get total(): number | null {
    return this.#source.total;
  }

  /** Every item has been cut. */
  get allCut(): boolean {
    return this.#source.exhausted;
  }

  /** Every item has come back. */
  get allDone(): boolean {
    return this.#source.total === this.#parts.items;
  }

  /** The next cut; null when there is none, or none yet. */
  cut(threads: number): Cut | null {
    return this.#source.take(this.#sizer.next(this.#source.rest, threads));
  }

  /** Takes in what a chunk of `sent` items from `from` on has done. */
  record(from: number, sent: number, { done, ms, value }: { done: number; ms: number; value: unknown }): void {
    this.#sizer.record(ms, done, sent);
    this.#parts.add(from, done, value);
  }

  /** One value for each chunk, for `finish`. */
  parts(): unknown[] {
    return this.#parts.inOrder();
  }

  /** One value for each item. */
  results(): unknown[] | undefined {
    return this.#parts.flat();
  }

  /** No more items are wanted. */
  close(): void {
    this.#source.close();
  }
}
