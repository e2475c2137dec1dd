import { defineBatch, range } from 'treadle/task';
import { type Order, spend, strike, strikesAt } from './strike.js';

/** Every step, around `each`: the sum of the squares of the items. */
export default defineBatch({
  async plan(order: Order, context) {
    const value = order.step === 'plan' ? await strike(order, context) : undefined;
    if (value !== undefined) return [value as number];
    // An array for some, a range for the others.
    return order.number % 2 === 0 ? range(0, order.items) : Array.from({ length: order.items }, (_, at) => at);
  },
  each: (item: number, context, order): unknown => {
    spend(order.itemMicros);
    return strikesAt(order, item) ? (strike(order, context) ?? item * item) : item * item;
  },
  async finish(parts: unknown[], context, order) {
    const value = order.step === 'finish' ? await strike(order, context) : undefined;
    const squares = parts.flat() as (number | Promise<number>)[];
    return value ?? { sum: squares.reduce<number>((sum, square) => sum + Number(square), 0) };
  },
  async cleanup(context, order) {
    if (order.step === 'cleanup') await strike(order, context);
  },
});
