import type { SettledRecord } from 'treadle';
import { chaosType } from './chaos-types.js';
import { type Ending, faultOf } from './faults.js';
import type { TaskPlan } from './task-plan.js';
import { STRAY_EXIT_CODE } from './tasks/strike.js';

/** How a record ended. */
export function endingOf(record: SettledRecord): Ending {
  return record.status === 'failed' ? record.error.code : record.status;
}

/** Every way in which the task may end; `stopped` when somebody asked it to stop, `closing` when its manager was closed meanwhile. */
export function allowedEndings(plan: TaskPlan, stopped: boolean, closing = false): ReadonlySet<Ending> {
  const { policy } = chaosType(plan.type);
  const all = new Set(endingsUnstopped(plan));
  if (stopped) all.add('cancelled');
  // Work that fails after it was told to stop, or while nothing gets a slot any more, is not tried again.
  if ((stopped || closing) && plan.fault === 'throw-once') all.add('TASK_FAILED');
  if (policy.timeoutMs !== undefined) all.add('TASK_TIMEOUT');
  if (policy.expiresInMs !== undefined) all.add('TASK_EXPIRED');
  return all;
}

function endingsUnstopped(plan: TaskPlan): readonly Ending[] {
  const { policy, items, loading } = chaosType(plan.type);
  const { ends, strikes = 'code' } = faultOf(plan.fault);
  const endings = ends({ batch: items !== 'none', retries: policy.retries ?? 0 });
  // None of its code ever runs.
  if (loading === 'throws' || loading === 'exits') {
    return strikes === 'input' ? [...endings, 'TASK_MODULE_FAILED'] : ['TASK_MODULE_FAILED'];
  }
  if (skipsItem(plan)) return ['completed'];
  // The exit of what an earlier task left behind may take the answer along: then it runs again, and gets through.
  if (plan.fault === 'throw-once') return [...endings, 'completed'];
  // What happens while it cleans up changes nothing.
  return plan.step === 'cleanup' && strikes === 'code' ? ['completed'] : endings;
}

/** What one item does that the type lets fail alone. */
const OF_AN_ITEM: ReadonlySet<Ending> = new Set([
  'TASK_FAILED',
  'WORKER_EXITED',
  'WORKER_OUT_OF_MEMORY',
  'UNSERIALIZABLE',
]);

/** Whether the item that the fault strikes at is left out, and nothing else. */
function skipsItem(plan: TaskPlan): boolean {
  const { policy, items } = chaosType(plan.type);
  if (policy.onItemError !== 'skip' || items === 'none' || plan.step !== 'work') return false;
  const { ends, strikes = 'code' } = faultOf(plan.fault);
  const endings = ends({ batch: true, retries: policy.retries ?? 0 });
  const ofItem = strikes === 'code' || plan.fault === 'items-unclonable';
  return ofItem && endings.length === 1 && endings.every((ending) => OF_AN_ITEM.has(ending));
}

/** How many items are left out. */
export function expectedSkips(plan: TaskPlan): number {
  return skipsItem(plan) ? 1 : 0;
}

/** Whether it was hit by what another task left behind. */
export function wasHitByStray(record: SettledRecord): boolean {
  if (record.status !== 'failed') return false;
  const { message } = record.error;
  return message.includes('stray error of task') || message.includes(`exited with code ${STRAY_EXIT_CODE}`);
}

/** What a completed task must have returned. */
export function expectedValue(plan: TaskPlan): unknown {
  const whole = expectedWhole(plan);
  // `finish` is in none of the types that skip.
  return skipsItem(plan) && Array.isArray(whole) ? whole.with(plan.at, undefined) : whole;
}

function expectedWhole(plan: TaskPlan): unknown {
  const { number, items, padding, fault } = plan;
  if (fault === 'large-result') return new Uint8Array(100_000).fill(number % 256);
  switch (chaosType(plan.type).module) {
    case 'tiny':
      return number * 2;
    case 'unloadable':
    case 'exits-on-load':
      return undefined;
    case 'slow-to-load':
    case 'piece':
      return { number, padding };
    case 'squares':
      return Array.from({ length: items }, (_, item) => item * item);
    case 'blocks':
      return Array.from({ length: items }, (_, item) => item + 1);
    case 'silence':
      // Without a single item nothing has told that `run` returns nothing.
      return items === 0 ? [] : undefined;
    case 'sums':
      return { sum: (items * (items - 1) * (2 * items - 1)) / 6 + 0 };
    case 'totals':
      // Plus 0, because 0 times -1 is -0.
      return { sum: (items * (items - 1)) / 2 + 0 };
  }
}
