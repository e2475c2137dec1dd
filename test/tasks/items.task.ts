import { defineBatch } from 'treadle/task';
import { Gate } from './gate.js';

/** What is to happen at an item. */
export type Item =
  | number
  | { throw: string }
  | { exit: number }
  | { gate: SharedArrayBuffer }
  | { exitOnce: SharedArrayBuffer };

/** One item at a time: doubles numbers, and has faults for the rest. */
export default defineBatch({
  each: (item: Item, ctx): number => {
    if (typeof item === 'number') return item * 2;
    if ('throw' in item) throw new RangeError(item.throw);
    if ('exit' in item) return process.exit(item.exit);
    if ('exitOnce' in item) {
      const gate = new Gate(item.exitOnce);
      gate.arrive();
      return gate.arrivals === 1 ? process.exit(1) : ctx.attempt;
    }
    new Gate(item.gate).pass();
    return 0;
  },
});
