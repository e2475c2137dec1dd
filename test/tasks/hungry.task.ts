import { defineBatch } from 'treadle/task';

/** Gives numbers back; at anything else it uses up all memory. */
export default defineBatch({
  each: (item: number | string): number => {
    if (typeof item === 'number') return item;
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
  },
});
