import { invalidArgument } from './errors.js';
import type { TreadleErrorCode } from './errors.js';
import { redact } from './redact.js';

/**
 * Which state may follow which. `pending` waits for a slot and a thread; `running` has been sent to a thread;
 * `cancelling` was told to stop and its thread has not left the work yet; the other three are final.
 */
export const TRANSITIONS = {
  pending: ['running', 'failed', 'cancelled'],
  running: ['pending', 'cancelling', 'completed', 'failed'],
  cancelling: ['cancelled', 'completed', 'failed'],
  completed: [],
  failed: [],
  cancelled: [],
} as const;

export type TaskStatus = keyof typeof TRANSITIONS;
export type TerminalStatus = { [S in TaskStatus]: (typeof TRANSITIONS)[S] extends readonly [] ? S : never }[TaskStatus];

/** All states, in the order of a task's life. */
export const TASK_STATUSES: readonly TaskStatus[] = Object.keys(TRANSITIONS) as TaskStatus[];

export function isTerminal(status: TaskStatus): status is TerminalStatus {
  return TRANSITIONS[status].length === 0;
}

export function canTransition(from: TaskStatus, to: TaskStatus): boolean {
  const following: Record<TaskStatus, readonly TaskStatus[]> = TRANSITIONS;
  return following[from].includes(to);
}

/** How far a task is. Taken from shared memory at the moment of asking. */
export interface ProgressSnapshot {
  /** Items done, or what `ctx.progress(done)` said last. */
  readonly itemsDone: number;
  /** Null while unknown. */
  readonly itemsTotal: number | null;
  /** 0 to 1; never falls, and is 1 only when completed. Null while the total is unknown. */
  readonly fraction: number | null;
  /** Items per second of late. */
  readonly rate: number | null;
  /** Milliseconds until the items are done, by the present rate. */
  readonly etaMs: number | null;
}

/** A line that the task logged. */
export interface TaskMessage {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** What a record keeps of an error: short, without secrets. The whole error is the `cause` of what `result()` throws. */
export interface TaskErrorInfo {
  readonly code: TreadleErrorCode;
  /** The name of the error that the task threw. */
  readonly name: string;
  readonly message: string;
  /** The `code` of the error that the task threw, where it had one. */
  readonly causeCode: string | null;
}

/** An item that failed and was skipped. */
export interface FailedItem {
  /** Its place among the items of the task, from 0 on. */
  readonly index: number;
  readonly error: TaskErrorInfo;
}

/** The items that failed and were skipped (`onItemError: 'skip'`). */
export interface FailedItems {
  readonly count: number;
  /** The first 50 that were found, by index. */
  readonly items: readonly FailedItem[];
}

interface RecordBase {
  readonly id: string;
  readonly type: string;
  readonly resourceId: string | null;
  readonly group: string | null;
  readonly owner: string | null;
  readonly priority: number;
  /** What the submitter attached: JSON, at most 4 KiB. */
  readonly meta: unknown;
  /** Epoch milliseconds, as are the other times. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** 1 for the first try of the task. */
  readonly attempt: number;
  /** What `ctx.stage()` named last. */
  readonly stage: string | null;
  readonly progress: ProgressSnapshot;
  /** The last 50 of what `ctx.log()` said. */
  readonly messages: readonly TaskMessage[];
  readonly failedItems: FailedItems;
  /** The id of the task that this one is another run of; null where it is none. */
  readonly rerunOf: string | null;
}

interface NotSettled {
  readonly completedAt: null;
  readonly result: null;
  readonly resultOmitted: false;
  readonly error: null;
}

export interface PendingRecord extends RecordBase, NotSettled {
  readonly status: 'pending';
  readonly startedAt: number | null;
  readonly stopping: null;
}

export interface RunningRecord extends RecordBase, NotSettled {
  readonly status: 'running';
  readonly startedAt: number;
  /** Set once the task has to stop for another reason than a cancel, until its thread has left. */
  readonly stopping: 'timeout' | 'failure' | null;
}

export interface CancellingRecord extends RecordBase, NotSettled {
  readonly status: 'cancelling';
  readonly startedAt: number;
  readonly stopping: null;
}

export interface CompletedRecord extends RecordBase {
  readonly status: 'completed';
  readonly startedAt: number;
  readonly completedAt: number;
  /** What the task returned; null where it is over 64 KiB. Shared with who holds the handle: do not change it. */
  readonly result: unknown;
  /** True where the result was too large to keep here. */
  readonly resultOmitted: boolean;
  readonly error: null;
  readonly stopping: null;
}

export interface FailedRecord extends RecordBase {
  readonly status: 'failed';
  /** Null when it never started: it expired, or its input could not be sent. */
  readonly startedAt: number | null;
  readonly completedAt: number;
  readonly result: null;
  readonly resultOmitted: false;
  readonly error: TaskErrorInfo;
  readonly stopping: null;
}

export interface CancelledRecord extends RecordBase {
  readonly status: 'cancelled';
  /** Null when it never started. */
  readonly startedAt: number | null;
  readonly completedAt: number;
  readonly result: null;
  readonly resultOmitted: false;
  readonly error: null;
  readonly stopping: null;
}

/** The public, frozen, bounded picture of a task at one moment. */
export type TaskRecord =
  | PendingRecord
  | RunningRecord
  | CancellingRecord
  | CompletedRecord
  | FailedRecord
  | CancelledRecord;

/** A record of a task that is over. */
export type SettledRecord = CompletedRecord | FailedRecord | CancelledRecord;

export const MAX_TEXT_LENGTH = 500;
const CUT = '...[truncated]';

/** Text as a record may keep it: secrets replaced, then cut at 500 characters. */
export function boundText(text: string): string {
  const clean = redact(text.length > SEARCHED_LENGTH ? cutAtWord(text) : text);
  return clean.length > MAX_TEXT_LENGTH ? clean.slice(0, MAX_TEXT_LENGTH) + CUT : clean;
}

// Bounds the cost of redaction. The word that the cut went through is dropped: half a secret may look like none.
const SEARCHED_LENGTH = 16 * MAX_TEXT_LENGTH;

function cutAtWord(text: string): string {
  const cut = text.slice(0, SEARCHED_LENGTH);
  let end = cut.length;
  while (end > 0 && !/\s/.test(cut[end - 1] as string)) end--;
  return cut.slice(0, end) + CUT;
}

export const MIN_PRIORITY = -5;
export const MAX_PRIORITY = 5;

/** @throws TreadleError INVALID_ARGUMENT unless it is an integer from -5 to 5. */
export function checkPriority(value: unknown): number {
  if (value === undefined) return 0;
  if (!Number.isInteger(value) || (value as number) < MIN_PRIORITY || (value as number) > MAX_PRIORITY) {
    throw invalidArgument('priority', `an integer from ${MIN_PRIORITY} to ${MAX_PRIORITY}`, value);
  }
  return value as number;
}
