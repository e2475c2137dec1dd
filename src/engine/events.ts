import type { ChunkOutcome } from './thread-flight.js';
import type { TaskPhase } from './thread-snapshot.js';
import type { CancelledRecord, CompletedRecord, FailedRecord, TaskRecord } from './task-record.js';

/** A line that a task logged, for the user's logger. Bounded and without secrets. */
export interface LogEvent {
  readonly taskId: string;
  readonly type: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly message: string;
}

/** What code threw that a task had left behind: a timer, a promise that nobody awaited. */
export interface StrayErrorEvent {
  /** The task that set the code going, which has settled or works elsewhere. Null where it was a module or what `ctx.perThread` made, or where it is not known. */
  readonly taskId: string | null;
  /** Null where it is not known. */
  readonly type: string | null;
  /** As it was thrown, whole: it may hold secrets. */
  readonly error: Error;
}

/** A chunk that goes to a thread. */
export interface ChunkStartEvent {
  /** The number of the thread, as in `threads()`. It has one chunk at a time, so that start and end are found together by it. */
  readonly thread: number;
  /** Whose work it is: several of a type with `pack: true`, else one. */
  readonly taskIds: readonly string[];
  /** The name of the task type. */
  readonly type: string;
  readonly phase: TaskPhase;
  /** Items `from` to `to` of the task, `to` left out; both 0 where the chunk has none. */
  readonly from: number;
  readonly to: number;
}

/** A chunk that is over. */
export interface ChunkEvent extends ChunkStartEvent {
  /** Milliseconds of work on the thread, without loading the module and `ctx.perThread`; 0 where the thread did not live to tell. */
  readonly ms: number;
  /**
   * `returned`, or `planned` where a `plan` has; `threw`; `lost`: the thread is gone; `stopped`: it was told to, or was taken
   * back; `unsendable`: it could not be cloned. Of a pack the worst, where `stopped` is the least.
   */
  readonly outcome: ChunkOutcome;
}

/** What a manager emits. Each transition of a task emits exactly one event, named after the state it led to. */
export interface TaskEvents {
  submitted: [record: TaskRecord];
  running: [record: TaskRecord];
  /** A one-piece task failed and waits to be run again. */
  retrying: [record: TaskRecord];
  cancelling: [record: TaskRecord];
  completed: [record: CompletedRecord];
  failed: [record: FailedRecord];
  cancelled: [record: CancelledRecord];
  /** At most ten times a second for each task in progress, and none after its last event. */
  progress: [record: TaskRecord];
  log: [event: LogEvent];
  /** A chunk is over; before what follows from that for its task, but after tasks of a pack that have returned. */
  chunk: [event: ChunkEvent];
  /**
   * Code threw that a task had left behind; nobody is hit by it, and its thread is replaced. Of a thread only the first is
   * told. Where nobody listens to this it becomes a process warning with the code TREADLE_STRAY_ERROR.
   */
  strayError: [event: StrayErrorEvent];
  /** A listener or a hook of the user's threw. Where nobody listens to this it becomes a process warning. */
  listenerError: [error: unknown];
}
