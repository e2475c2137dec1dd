import { integerHash } from './integer-hash.js';

/** What takes about a microsecond. */
export const ROUNDS_PER_US = 136;

/** Hashes a number over and over, as often as it says: work of a known amount, with a result that shows it was done. */
export function hashRounds(rounds: number): number {
  let hash = rounds;
  for (let round = 0; round < rounds; round++) hash = integerHash(hash + round);
  return hash;
}
