import { integer } from './options.js';
import { invalidArgument, onlyKeys } from './errors.js';

/** How items are cut into chunks, for those who know better than the measurement. */
export interface ChunkOptions {
  /** How long a chunk should take on a thread. Milliseconds > 0. @default 25 */
  targetMs?: number;
  /** The fewest items of a chunk. Integer >= 1. @default 1 */
  min?: number;
  /** The most items of a chunk. Integer >= min. @default 1_000_000 */
  max?: number;
}

export interface ResolvedChunkOptions {
  readonly targetMs: number;
  readonly min: number;
  readonly max: number;
}

const DEFAULT_TARGET_MS = 25;
const DEFAULT_MAX_ITEMS = 1_000_000;

/** @throws TreadleError INVALID_ARGUMENT */
export function resolveChunkOptions(options: ChunkOptions = {}): ResolvedChunkOptions {
  onlyKeys('chunk', options, ['targetMs', 'min', 'max']);
  const { targetMs = DEFAULT_TARGET_MS } = options;
  if (typeof targetMs !== 'number' || !(targetMs > 0))
    throw invalidArgument('chunk.targetMs', 'milliseconds > 0', targetMs);
  const min = integer('chunk.min', options.min, 1, 1);
  return { targetMs, min, max: integer('chunk.max', options.max, min, Math.max(min, DEFAULT_MAX_ITEMS)) };
}

// What a chunk taught fades by half with each later chunk, so that the size follows a drifting cost.
const DECAY = 0.5;
const MAX_GROWTH = 8;
// The rest of a task is not split into chunks of less than this share of the target.
const WORTHWHILE_SHARE = 1 / 16;
// A chunk of `each` that runs so many times longer than meant is ended, and its rest cut again.
const BOX_TARGETS = 2;

/** After how many milliseconds a chunk of `each` ends, done or not. */
export function boxMsOf(options: ResolvedChunkOptions): number {
  return options.targetMs * BOX_TARGETS;
}

/**
 * Decides how many items the next chunk of one task carries, from the measured cost of an item.
 *
 * The first chunk has one item; each later one at most eight times the last, so that one cheap item at the start
 * does not commit a thread for long; near the end the rest is split evenly, so that no thread works on alone.
 */
export class ChunkSizer {
  readonly #options: ResolvedChunkOptions;
  #ms = 0;
  #items = 0;
  #last = 0;

  constructor(options: ResolvedChunkOptions) {
    this.#options = options;
  }

  /** The size of the next chunk. `rest` is null while the number of items is unknown. */
  next(rest: number | null, threads: number): number {
    const { targetMs, min, max } = this.#options;
    let size = this.#last === 0 ? 1 : this.#last * MAX_GROWTH;
    if (this.#items > 0) {
      const costMs = this.#ms / this.#items;
      size = Math.min(size, costMs > 0 ? targetMs / costMs : max);
    } else {
      // Nothing measured yet: as small as the first.
      size = 1;
    }
    // An even split ends where a chunk would hardly be worth its message.
    const worthwhile = this.#items > 0 && this.#ms > 0 ? (WORTHWHILE_SHARE * targetMs * this.#items) / this.#ms : 1;
    if (rest !== null) size = Math.min(size, Math.max(worthwhile, Math.ceil(rest / (2 * threads))));
    size = Math.max(min, Math.min(max, Math.floor(size)), 1);
    return rest === null ? size : Math.min(size, rest);
  }

  /** Learns from a chunk that came back: `ms` of work for `items` items, sent as `sent`. */
  record(ms: number, items: number, sent: number): void {
    if (items <= 0) return;
    this.#ms = this.#ms * DECAY + ms;
    this.#items = this.#items * DECAY + items;
    this.#last = Math.max(1, sent);
  }
}
