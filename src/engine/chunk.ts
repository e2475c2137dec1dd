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
const WORTHWHILE_SHARE = 1 / 32;
const SHARES_OF_A_THREAD = 2;
// A chunk of `each` that runs so many times longer than meant is ended, and its rest cut again.
const BOX_TARGETS = 2;

/** After how many milliseconds a chunk of `each` ends, done or not. */
export function boxMsOf(options: ResolvedChunkOptions): number {
  return options.targetMs * BOX_TARGETS;
}

/**
 * Decides how many items the next chunk of one task carries, from the measured cost of an item: so many as take the
 * target.
 *
 * The first chunk has one item; each later one at most eight times as many as were done of late, so that a few cheap items do
 * not commit a thread for long; near the end the rest is split evenly, so that no thread works on alone.
 */
export class ChunkSizer {
  readonly #options: ResolvedChunkOptions;
  /** Of late: faded sums. */
  #ms = 0;
  #items = 0;
  /** Of the chunk that came back last: milliseconds an item. */
  #lastCostMs = 0;

  constructor(options: ResolvedChunkOptions) {
    this.#options = options;
  }

  /** The size of the next chunk. `rest` is null while the number of items is unknown. */
  next(rest: number | null, threads: number): number {
    const { min, max } = this.#options;
    const size = Math.max(min, Math.min(max, Math.floor(this.#measuredSize(rest ?? Infinity, threads))), 1);
    return rest === null ? size : Math.min(size, rest);
  }

  #measuredSize(rest: number, threads: number): number {
    // Nothing measured yet: as small as the first.
    if (this.#items === 0) return 1;
    // The dearer of the two: many cheap items would hide for long that the next ones are not.
    const costMs = Math.max(this.#ms / this.#items, this.#lastCostMs);
    const onTarget = costMs > 0 ? this.#options.targetMs / costMs : Infinity;
    // An even split ends where a chunk would hardly be worth its message.
    const worthwhile = costMs > 0 ? onTarget * WORTHWHILE_SHARE : 1;
    const share = Math.max(worthwhile, Math.ceil(rest / (SHARES_OF_A_THREAD * threads)));
    return Math.min(onTarget, MAX_GROWTH * this.#items, share);
  }

  /** Learns from a chunk that came back: `ms` of work for `items` items. */
  record(ms: number, items: number): void {
    if (items <= 0) return;
    this.#ms = this.#ms * DECAY + ms;
    this.#items = this.#items * DECAY + items;
    this.#lastCostMs = ms / items;
  }
}
