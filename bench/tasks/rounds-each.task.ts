import { type TaskContext, defineBatch } from 'treadle/task';
import { type ChunkWatch, takeSlot } from './chunk-watch.js';
import { hashRounds } from './hash-rounds.js';

let chunk: TaskContext | null = null;
let slot = 0;
let startedAt = 0;

/** Does as many rounds as an item says. With a watch as input, the chunks are watched: each has a context of its own. */
export default defineBatch({
  each: (rounds: number, ctx, watch: ChunkWatch | null) => {
    if (watch === null) return hashRounds(rounds);
    if (ctx !== chunk) {
      chunk = ctx;
      slot = takeSlot(watch);
      startedAt = performance.now();
    }
    const hash = hashRounds(rounds);
    watch.ms[slot] = performance.now() - startedAt;
    return hash;
  },
});
