import { defineBatch } from 'treadle/task';
import { vectorsOf } from './vectors.js';

/** Embeds texts, one vector each. */
export default defineBatch({ run: (texts: readonly string[]) => vectorsOf(texts) });
