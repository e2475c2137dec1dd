import type { TaskPlan } from './task-plan.js';
import type { Order } from './tasks/strike.js';

/** The input of a task as its submitter gives it, with what its fault does to it. */
export function inputOf(plan: TaskPlan): unknown {
  const { number, fault, step, at, amount, itemMicros, items } = plan;
  const counts = fault === 'throw-once' || fault === 'exit-once';
  const order: Order = {
    number,
    fault,
    step,
    at,
    amount,
    itemMicros,
    items,
    padding: 'x'.repeat(plan.padding),
    struck: counts ? new SharedArrayBuffer(4) : null,
  };
  if (fault === 'input-unclonable') return { ...order, callback: () => number };
  if (fault === 'input-unclonable-deep-inside') {
    return { ...order, deep: [...Array.from({ length: 200 }, () => [0]), [() => number]] };
  }
  return order;
}
