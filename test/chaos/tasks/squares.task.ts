import { defineBatch } from 'treadle/task';
import { type Order, spend, strike, strikesAt } from './strike.js';

/** `each` alone: one result for each item that the submitter gave. */
export default defineBatch({
  each: (item: number, context, order: Order): unknown => {
    spend(order.itemMicros);
    if (!strikesAt(order, item)) return item * item;
    const value = strike(order, context);
    return value instanceof Promise ? value : (value ?? item * item);
  },
});
