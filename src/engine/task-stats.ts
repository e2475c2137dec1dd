import type { ClosingStats } from './closing.js';
import type { TreadleErrorCode } from './errors.js';
import type { StatusCounts } from './task-counts.js';
import { TASK_STATUSES, type TaskStatus } from './task-record.js';

/**
 * What a manager has to do and has done. `pending`, `running` and `cancelling` are of the moment, `completed`, `failed`
 * and `cancelled` since the manager was made. For one owner all of them, and what is in `types`, are of that owner's
 * tasks that are known: unsettled ones, and those that the history keeps.
 */
export interface TaskStats extends Readonly<Record<TaskStatus, number>> {
  /** The sum over all statuses. */
  readonly total: number;
  /** By name: every declared type; for an owner those of which tasks are known. */
  readonly types: Readonly<Record<string, TypeStats>>;
  readonly maxConcurrentTasks: number;
  readonly paused: boolean;
  /** Settled records that are kept. */
  readonly history: number;
  /** Null until `close()` is called; it stays when that has ended. */
  readonly closing: ClosingStats | null;
  /** The same for every owner. */
  readonly threads: {
    readonly max: number;
    readonly live: number;
    readonly busy: number;
    /** As `threads()` has it. */
    readonly overdue: number;
  };
}

/** The tasks of one type, counted as those of {@link TaskStats}. */
export interface TypeStats extends Readonly<Record<TaskStatus, number>> {
  /** When the one that was submitted first, of those that are pending, was submitted. Epoch milliseconds; null where none is. */
  readonly oldestPendingAt: number | null;
  /** How many failed, by code; codes that did not occur are left out. */
  readonly failures: Readonly<Partial<Record<TreadleErrorCode, number>>>;
}

const NO_FAILURES: ReadonlyMap<TreadleErrorCode, number> = new Map();

/** Of a type of which there has been no task yet, `counts` is undefined. */
export function typeStats(counts: StatusCounts | undefined, oldestPendingAt: number | null): TypeStats {
  return {
    ...byStatus((status) => counts?.of(status) ?? 0),
    oldestPendingAt,
    failures: Object.fromEntries(counts?.failures ?? NO_FAILURES),
  };
}

/** The counts of several types together. */
export function sumOf(types: readonly TypeStats[]): Record<TaskStatus, number> & { readonly total: number } {
  const sums = byStatus((status) => types.reduce((sum, type) => sum + type[status], 0));
  return { total: TASK_STATUSES.reduce((sum, status) => sum + sums[status], 0), ...sums };
}

function byStatus(count: (status: TaskStatus) => number): Record<TaskStatus, number> {
  return Object.fromEntries(TASK_STATUSES.map((status) => [status, count(status)])) as Record<TaskStatus, number>;
}
