import { isRange, range } from './define-task.js';
import { TreadleError, onlyKeys, invalidArgument } from './errors.js';
import type { IndexRange } from './index-ranges.js';
import type { Items } from './item-source.js';
import type { KeptInput } from './kept-inputs.js';
import type { OwnerScope } from './records.js';
import type { TaskRecord } from './task-record.js';
import type { TaskWork } from './task.js';
import type { ResolvedTaskType } from './task-type.js';

export interface RerunOptions extends OwnerScope {
  /**
   * Only the items that were not done: those that failed, and those that were not come to. The new task counts its
   * items from 0 again. @default false: the whole task
   */
  readonly onlyFailedItems?: boolean;
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkRerunOptions(options: RerunOptions): { onlyFailedItems: boolean; scope: OwnerScope } {
  onlyKeys('rerun options', options, ['onlyFailedItems', 'owner']);
  const { onlyFailedItems = false, ...scope } = options;
  if (typeof onlyFailedItems !== 'boolean') throw invalidArgument('onlyFailedItems', 'true or false', onlyFailedItems);
  return { onlyFailedItems, scope };
}

/**
 * What another run of a task works on.
 * @throws TreadleError NOT_RERUNNABLE, with the reason.
 */
export function workOfRerun(
  record: TaskRecord,
  type: ResolvedTaskType,
  kept: KeptInput | undefined,
  onlyFailedItems: boolean,
): TaskWork {
  const refuse = (why: string): TreadleError =>
    new TreadleError('NOT_RERUNNABLE', `Task ${record.id} (${record.type}) can't be run again: ${why}`, {
      taskId: record.id,
    });
  if (record.completedAt === null) throw refuse(`it is ${record.status}`);
  if (!type.policy.keepsInput) throw refuse("its type does not have `keepInput: 'failed'`");
  const failed = record.status === 'failed' || record.failedItems.count > 0;
  if (!failed) throw refuse(`it is ${record.status}, and the input of failed tasks only is kept`);
  if (kept === undefined)
    throw refuse(
      'its input was too large to keep, had to make room (`history.inputBytes`), or was moved by `transfer`',
    );
  const { input, items, planned = null, timeoutMs } = kept.work;
  if (items !== null && !isIndexed(items)) throw refuse('its items came from an iterator, which can be read only once');
  if (!onlyFailedItems) return { input, items, timeoutMs };
  // It had not begun.
  if (items !== null && kept.undone === null) return { input, items, timeoutMs };
  const all = items ?? planned;
  if (!type.policy.takesItems) throw refuse('the module of its type makes all items itself: run the whole task again');
  if (all === null || kept.undone === null) throw refuse('it had no items yet: run the whole task again');
  if (kept.undone.length === 0) throw refuse('all its items were done: run the whole task again');
  return { input, items: pick(all, kept.undone), timeoutMs };
}

/** Whether items can be read again, and in part. */
export function isIndexed(items: Items<unknown>): boolean {
  return Array.isArray(items) || isRange(items);
}

function pick(items: Items<unknown>, ranges: readonly IndexRange[]): Items<unknown> {
  const first = ranges[0];
  if (isRange(items)) {
    const at = items.from;
    if (first !== undefined && ranges.length === 1) return range(at + first.from, at + first.to);
    return ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => at + from + index));
  }
  return ranges.flatMap(({ from, to }) => (items as readonly unknown[]).slice(from, to));
}
