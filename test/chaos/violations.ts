import type { TaskPlan } from './task-plan.js';

const MAX_LISTED = 30;

/** What must not have happened, and did. */
export class Violations {
  readonly #listed: string[] = [];
  count = 0;

  add(what: string, plan: TaskPlan | null = null): void {
    this.count++;
    if (this.#listed.length < MAX_LISTED) {
      this.#listed.push(plan === null ? what : `${what}\n    ${describePlan(plan)}`);
    }
  }

  /** One line or two for each, the first ones only. */
  get lines(): readonly string[] {
    const more = this.count - this.#listed.length;
    return more > 0 ? [...this.#listed, `and ${more} more`] : this.#listed;
  }
}

/** What the seed decided for a task, in one line. */
export function describePlan(plan: TaskPlan): string {
  const { number, type, fault, step, itemsFrom, items, at, cancel, resourceId, onDuplicate } = plan;
  const parts = [`task ${number}: ${type}`, fault === 'none' ? 'no fault' : `${fault} in ${step}`];
  if (itemsFrom !== 'none') parts.push(`${items} items from ${itemsFrom}`);
  if (fault !== 'none' && step === 'work') parts.push(`at item ${at}`);
  parts.push(`amount ${plan.amount}`);
  if (cancel !== null) parts.push(`cancel ${cancel.when} ${cancel.afterMs} ms by ${cancel.by}`);
  if (resourceId !== undefined) parts.push(`${resourceId} ${onDuplicate ?? 'by the type'}`);
  if (plan.watch !== 'not') parts.push(`watched ${plan.watch}`);
  if (plan.hook !== 'counts') parts.push(`its hook ${plan.hook}`);
  return parts.join(', ');
}
