import type { Chunk } from './lanes.js';

/** Items `from` to `to` of a chunk, as a chunk of their own that nothing is held against. */
export function partOf(chunk: Chunk, from: number, to: number): Chunk {
  const items = chunk.items?.slice(from - chunk.from, to - chunk.from);
  return { ...chunk, from, to, items, attempt: chunk.attempt + 1, failures: 0, resends: 0 };
}

/**
 * Cuts a chunk of several items that failed as a whole into smaller ones, so that in the end the item that is to blame
 * stands alone. `suspect` is the index of the item that was worked on, where that is known; else it is cut in halves.
 */
export function splitChunk(chunk: Chunk, suspect: number | null): Chunk[] {
  const { from, to } = chunk;
  const known = suspect !== null && Number.isInteger(suspect) && suspect >= from && suspect < to;
  const cuts = known ? [from, suspect, suspect + 1, to] : [from, (from + to) >> 1, to];
  const parts: Chunk[] = [];
  for (let at = 1; at < cuts.length; at++) {
    const [begin, end] = [cuts[at - 1] as number, cuts[at] as number];
    if (end > begin) parts.push(partOf(chunk, begin, end));
  }
  return parts;
}
