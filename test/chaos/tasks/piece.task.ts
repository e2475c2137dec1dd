import { defineTask } from 'treadle/task';
import { type Order, spend, strike } from './strike.js';

/** Work in one piece. */
export default defineTask(async (order: Order, context): Promise<unknown> => {
  const value = await strike(order, context);
  spend(order.itemMicros);
  return value ?? { number: order.number, padding: order.padding.length };
});
