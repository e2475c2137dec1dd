import { defineBatch } from 'treadle/task';
import { type Order, spend, strike, strikesAt } from './strike.js';

/** `run` without `finish`: an array of one result for each item. */
export default defineBatch({
  async run(items: readonly number[], context, order: Order): Promise<unknown[]> {
    spend(order.itemMicros * items.length);
    if (!items.some((item) => strikesAt(order, item))) return items.map((item) => item + 1);
    const value = await strike(order, context);
    return items.map((item) => (item === order.at && value !== undefined ? value : item + 1));
  },
});
