import { defineBatch } from 'treadle/task';
import { vector } from './numbers.js';

/** One vector for each row, in memory of its own. */
export default defineBatch({ each: (row: number) => vector(row) });
