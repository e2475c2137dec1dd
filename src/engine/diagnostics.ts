import { type Channel, channel } from 'node:diagnostics_channel';
import type { ChunkEvent, ChunkStartEvent, TaskEvents } from './events.js';
import type { TaskRecord } from './task-record.js';

/** What the channels `treadle:task:…` carry. */
export interface TaskDiagnostic {
  /** The `TaskManager`, to tell several apart. */
  readonly manager: object;
  readonly record: TaskRecord;
}

/** What `treadle:chunk:start` and `treadle:chunk:end` carry. */
export interface ChunkDiagnostic<Event extends ChunkStartEvent = ChunkStartEvent | ChunkEvent> {
  /** The `TaskManager`, to tell several apart. */
  readonly manager: object;
  readonly chunk: Event;
}

/** The events that are published on a channel of their own. */
export type TransitionEvent = Exclude<keyof TaskEvents, 'progress' | 'log' | 'chunk' | 'strayError' | 'listenerError'>;

/** One for each state that a task comes to, for all managers of the process. */
export const TASK_CHANNELS: Readonly<Record<TransitionEvent, Channel>> = {
  submitted: channel('treadle:task:submitted'),
  running: channel('treadle:task:running'),
  retrying: channel('treadle:task:retrying'),
  cancelling: channel('treadle:task:cancelling'),
  completed: channel('treadle:task:completed'),
  failed: channel('treadle:task:failed'),
  cancelled: channel('treadle:task:cancelled'),
};

export const CHUNK_START: Channel = channel('treadle:chunk:start');
export const CHUNK_END: Channel = channel('treadle:chunk:end');
