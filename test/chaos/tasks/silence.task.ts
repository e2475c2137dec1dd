import { defineBatch } from 'treadle/task';
import { type Order, spend, strike, strikesAt } from './strike.js';

/** `run` that returns nothing at all. */
export default defineBatch({
  async run(items: readonly number[], context, order: Order): Promise<void> {
    spend(order.itemMicros * items.length);
    // A result that can't be cloned is none where there is none to be.
    if (items.some((item) => strikesAt(order, item))) await strike(order, context);
  },
});
