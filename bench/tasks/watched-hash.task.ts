import { type TaskContext, defineBatch } from 'treadle/task';
import { integerHash } from './integer-hash.js';

const LOOK_EVERY = 256;

let chunk: TaskContext | null = null;
let startedAt = 0;
let items = 0;

/**
 * Hashes one number at a time, and keeps in its input, one shared number, how many milliseconds the longest chunk of
 * any thread took. Each chunk has a context of its own; the clock is read every 256 items, or it would be most of the work.
 */
export default defineBatch({
  each: (item: number, ctx, longestMs: Float64Array) => {
    if (ctx !== chunk) {
      chunk = ctx;
      startedAt = performance.now();
      items = 0;
    } else if (++items % LOOK_EVERY === 0) {
      longestMs[0] = Math.max(longestMs[0] ?? 0, performance.now() - startedAt);
    }
    return integerHash(item);
  },
});
