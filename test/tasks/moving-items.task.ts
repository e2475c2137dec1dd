import { defineBatch } from 'treadle/task';

/** Sums the numbers of each item; throws at an empty one, exits at a negative one. */
export default defineBatch({
  each: (item: Float32Array) => {
    if (item.length === 0) throw new Error('nothing to sum');
    if ((item[0] ?? 0) < 0) process.exit(3);
    return item.reduce((sum, number) => sum + number, 0);
  },
});
