import { defineBatch, range } from 'treadle/task';
import { type Order, spend, strike, strikesAt } from './strike.js';

/** `plan`, `run`, `finish`, without `cleanup`: the sum of the items. */
export default defineBatch({
  async plan(order: Order, context) {
    const value = order.step === 'plan' ? await strike(order, context) : undefined;
    return value === undefined ? range(0, order.items) : [value as number];
  },
  async run(items: readonly number[], context, order): Promise<unknown> {
    spend(order.itemMicros * items.length);
    const value = items.some((item) => strikesAt(order, item)) ? await strike(order, context) : undefined;
    return value ?? items.reduce((sum, item) => sum + item, 0);
  },
  async finish(parts: unknown[], context, order) {
    const value = order.step === 'finish' ? await strike(order, context) : undefined;
    return value ?? { sum: (parts as number[]).reduce((sum, part) => sum + part, 0) };
  },
});
