import { defineTask, transfer } from 'treadle/task';
import { numbers } from './numbers.js';

/** All numbers in one array, given away or not; or only their count, for the same work. */
export default defineTask(({ count, returns }: { count: number; returns: 'array' | 'transfer' | 'count' }) => {
  const array = numbers(0, count);
  return returns === 'count' ? array.length : returns === 'transfer' ? transfer(array) : array;
});
