import { TreadleError, type TreadleErrorCode } from './errors.js';
import type { Outcome } from './lanes.js';
import { reviveThrown } from './protocol.js';
import { boundText } from './task-record.js';

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
    details: outcome.item === null ? undefined : { item: outcome.item },
  });
}

const CODE_OF_LOSS = {
  exited: 'WORKER_EXITED',
  killed: 'WORKER_EXITED',
  'out-of-memory': 'WORKER_OUT_OF_MEMORY',
} as const satisfies Record<string, TreadleErrorCode>;

/** The thread died under the task. */
export function errorOfLost(task: FailedSubject, outcome: Outcome & { kind: 'lost' }): TreadleError {
  const { exitCode, error, reason, loading } = outcome;
  const how = {
    exited: exitCode === null ? 'ended by an uncaught error' : `exited with code ${exitCode}`,
    killed: 'was ended',
    'out-of-memory': 'ran out of memory',
  }[reason];
  const when = loading ? ' while it loaded the task module' : '';
  const why = error === null ? '' : `: ${boundText(error.message)}`;
  return new TreadleError(
    loading ? 'TASK_MODULE_FAILED' : CODE_OF_LOSS[reason],
    `The thread of task ${nameOf(task)} ${how}${when}${why}`,
    {
      taskId: task.id,
      ...(error === null ? {} : { cause: reviveThrown(error) }),
      details: exitCode === null ? undefined : { exitCode },
    },
  );
}

export function errorOfTimeout(task: FailedSubject, timeoutMs: number): TreadleError {
  return new TreadleError('TASK_TIMEOUT', `Task ${nameOf(task)} took longer than ${timeoutMs} ms`, {
    taskId: task.id,
    details: { timeoutMs },
  });
}

function nameOf(task: FailedSubject): string {
  return `${task.id} (${task.type})`;
}
