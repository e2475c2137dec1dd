import { defineBatch } from 'treadle/task';

/** Sums the numbers of each item; throws at one that is no number, exits at a negative one. */
export default defineBatch({
  each: (item: Float32Array) => {
    const first = item[0] ?? 0;
    if (Number.isNaN(first)) throw new Error('nothing to sum');
    if (first < 0) process.exit(3);
    return item.reduce((sum, number) => sum + number, 0);
  },
});
