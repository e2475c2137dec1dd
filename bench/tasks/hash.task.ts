import { defineBatch } from 'treadle/task';
import { integerHash } from './integer-hash.js';

/** Hashes one number at a time. */
export default defineBatch({ each: (item: number) => integerHash(item) });
