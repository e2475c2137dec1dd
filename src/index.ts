export { type ChunkOptions } from './engine/chunk.js';
export { type Clock, type StopTimer, type Ticker, systemClock } from './engine/clock.js';
export { type CloseOptions, type CloseReport, type ClosingStats } from './engine/closing.js';
export { type Awaitable, type Range, type TaskContext, range } from './engine/define-task.js';
export { TreadleError, type TreadleErrorCode } from './engine/errors.js';
export { type ChunkDiagnostic, type TaskDiagnostic } from './engine/diagnostics.js';
export {
  type ChunkEvent,
  type ChunkStartEvent,
  type LogEvent,
  type StrayErrorEvent,
  type TaskEvents,
} from './engine/events.js';
export { type SettledHook } from './engine/hooks.js';
export { type Items } from './engine/item-source.js';
export { type TaskManagerOptions } from './engine/options.js';
export { type SubmitOptions, type SubmitPolicy, type TaskResult } from './engine/submission.js';
export { type Backoff, type BackoffOptions } from './engine/retry-policy.js';
export { Reconciler, type ReconcilerStatus } from './engine/reconciler.js';
export { type RerunOptions } from './engine/rerun.js';
export { TaskHandle } from './engine/task-handle.js';
export { type TaskFilter } from './engine/task-index.js';
export { type ListOptions, type OwnerScope, type ResultsOptions, type TaskPage } from './engine/records.js';
export { TaskManager } from './engine/task-manager.js';
export {
  type CancelledRecord,
  type CancellingRecord,
  type CompletedRecord,
  type FailedItem,
  type FailedItems,
  type FailedRecord,
  type PendingRecord,
  type ProgressSnapshot,
  type RunningRecord,
  type SettledRecord,
  TRANSITIONS,
  type TaskErrorInfo,
  type TaskMessage,
  type TaskRecord,
  type TaskStatus,
} from './engine/task-record.js';
export { type TaskStats, type TypeStats } from './engine/task-stats.js';
export {
  type OnDuplicate,
  type TaskModule,
  type TaskPolicy,
  type TaskType,
  taskModule,
  taskType,
} from './engine/task-type.js';
export { type TaskPhase, type ThreadSnapshot, type ThreadState, type ThreadWork } from './engine/thread-snapshot.js';
export { type ChunkOutcome } from './engine/thread-flight.js';
export { transfer } from './engine/transfer.js';
