import { integerHash } from './integer-hash.js';

/** Hashes a number, for Piscina. */
export default function hash(item: number): number {
  return integerHash(item);
}
