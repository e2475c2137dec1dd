import { defineBatch } from 'treadle/task';
import { type ChunkWatch, takeSlot } from './chunk-watch.js';
import { hashRounds } from './hash-rounds.js';

/** Does as many rounds as each item says, a chunk at once. With a watch as input, the chunks are watched. */
export default defineBatch({
  run: (items: readonly number[], _ctx, watch: ChunkWatch | null) => {
    const startedAt = performance.now();
    const hashes = items.map(hashRounds);
    if (watch !== null) watch.ms[takeSlot(watch)] = performance.now() - startedAt;
    return hashes;
  },
});
