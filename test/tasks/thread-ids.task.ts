import { threadId } from 'node:worker_threads';
import { defineBatch } from 'treadle/task';

const kept: unknown[] = [];

/** The thread that each item ran on. An item is how many megabytes it leaves on the heap of its thread. */
export default defineBatch({
  each: (megabytes: number): number => {
    for (let at = 0; at < megabytes; at++) kept.push(Array.from({ length: 131_072 }, (_, n) => n + 0.5));
    return threadId;
  },
});
