import { TreadleError, type TreadleErrorCode } from './errors.js';
import type { Outcome } from './lanes.js';
import { type ItemFailure, reviveThrown } from './protocol.js';
import { type TaskErrorInfo, boundText } from './task-record.js';

/** Whose failure it is. */
export interface FailedSubject {
  readonly id: string;
  readonly type: string;
}

/** The task threw, or its module could not be loaded. */
export function errorOfThrown(task: FailedSubject, outcome: Outcome & { kind: 'threw' }): TreadleError {
  const what = outcome.code === 'TASK_MODULE_FAILED' ? 'has a module that failed to load' : 'failed';
  return new TreadleError(outcome.code, `Task ${nameOf(task)} ${what}: ${boundText(outcome.error.message)}`, {
    taskId: task.id,
    cause: reviveThrown(outcome.error),
    details: detailsOf({ item: outcome.item, permanent: outcome.error.permanent === true ? true : null }),
  });
}

/** One item failed; the task goes on. */
export function errorOfItem(task: FailedSubject, { index, error }: ItemFailure): TreadleError {
  return new TreadleError('TASK_FAILED', `Item ${index} of task ${nameOf(task)} failed: ${boundText(error.message)}`, {
    taskId: task.id,
    cause: reviveThrown(error),
    details: detailsOf({ item: index, permanent: error.permanent === true ? true : null }),
  });
}

const CODE_OF_LOSS = {
  exited: 'WORKER_EXITED',
  killed: 'WORKER_EXITED',
  'out-of-memory': 'WORKER_OUT_OF_MEMORY',
} as const satisfies Record<string, TreadleErrorCode>;

/** The thread died under the task, and under nothing but `item` of it, where that is given. */
export function errorOfLost(
  task: FailedSubject,
  outcome: Outcome & { kind: 'lost' },
  item: number | null = null,
): TreadleError {
  const { exitCode, error, reason, loading } = outcome;
  const how = {
    exited: exitCode === null ? 'ended by an uncaught error' : `exited with code ${exitCode}`,
    killed: 'was ended',
    'out-of-memory': 'ran out of memory',
  }[reason];
  const when = loading ? ' while it loaded the task module' : item === null ? '' : ` at item ${item}`;
  const why = error === null ? '' : `: ${boundText(error.message)}`;
  return new TreadleError(
    loading ? 'TASK_MODULE_FAILED' : CODE_OF_LOSS[reason],
    `The thread of task ${nameOf(task)} ${how}${when}${why}`,
    {
      taskId: task.id,
      ...(error === null ? {} : { cause: reviveThrown(error) }),
      details: detailsOf({ exitCode, item }),
    },
  );
}

export function errorOfTimeout(task: FailedSubject, timeoutMs: number): TreadleError {
  return new TreadleError('TASK_TIMEOUT', `Task ${nameOf(task)} took longer than ${timeoutMs} ms`, {
    taskId: task.id,
    details: { timeoutMs },
  });
}

/** A chunk gave no sign of life. */
export function errorOfSilence(task: FailedSubject, heartbeatTimeoutMs: number): TreadleError {
  return new TreadleError(
    'TASK_TIMEOUT',
    `Task ${nameOf(task)} has shown no sign of life for more than ${heartbeatTimeoutMs} ms`,
    { taskId: task.id, details: { heartbeatTimeoutMs } },
  );
}

/** It has waited for its start for too long. */
export function errorOfExpiry(task: FailedSubject, expiresInMs: number): TreadleError {
  return new TreadleError('TASK_EXPIRED', `Task ${nameOf(task)} had not begun within ${expiresInMs} ms`, {
    taskId: task.id,
    details: { expiresInMs },
  });
}

/** What a record keeps of an error. */
export function errorInfo(error: TreadleError): TaskErrorInfo {
  const cause: unknown = error.cause;
  const thrown = cause instanceof Error && !(cause instanceof TreadleError) ? cause : null;
  const code = (thrown as { code?: unknown } | null)?.code;
  return Object.freeze({
    code: error.code,
    name: boundText(thrown?.name ?? error.name),
    message: boundText(thrown?.message ?? error.message),
    causeCode: typeof code === 'string' || typeof code === 'number' ? boundText(String(code)) : null,
  });
}

/** Those that are known; undefined where none is. */
function detailsOf(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const known = Object.entries(facts).filter(([, fact]) => fact !== null);
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** The text of the warning about what code threw that a task had left behind. */
export function strayWarning(type: string | null, taskId: string | null, message: string): string {
  const what =
    taskId === null ? `a task of type ${type ?? 'unknown'}` : `task ${nameOf({ id: taskId, type: type ?? 'unknown' })}`;
  return `What ${what} left on its thread threw after its end: ${boundText(message)}`;
}

function nameOf(task: FailedSubject): string {
  return `${task.id} (${task.type})`;
}
