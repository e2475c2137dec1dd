import { defineBatch } from 'treadle/task';
import { fingerprintsOf } from './fingerprints.js';

/** Heavy work with small results: one number a text. */
export default defineBatch({ run: (texts: readonly string[]) => fingerprintsOf(texts) });
