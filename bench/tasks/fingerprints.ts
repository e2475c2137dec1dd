import { DIMENSIONS, embedAll } from './vectors.js';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Embeds texts and makes 32 bits of each vector, in which every number of it counts (FNV-1a). */
export function fingerprintsOf(texts: readonly string[]): number[] {
  const bits = new Uint32Array(embedAll(texts).buffer);
  return texts.map((_, row) => {
    let hash = FNV_OFFSET;
    for (let at = row * DIMENSIONS; at < (row + 1) * DIMENSIONS; at++) {
      hash = Math.imul(hash ^ (bits[at] as number), FNV_PRIME);
    }
    return hash >>> 0;
  });
}
