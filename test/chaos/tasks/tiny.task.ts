import { type TaskContext, defineTask } from 'treadle/task';
import { type Order, strike } from './strike.js';

/** As little as a task can be: no promise, and safe to run again, so that it may share a chunk with others. */
export default defineTask((order: Order, context: TaskContext): unknown => {
  const value = strike(order, context);
  return value ?? order.number * 2;
});
