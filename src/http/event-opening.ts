import { type TaskRecord, isTerminal } from '../engine/task-record.js';
import { type EventLog, frameOf } from './event-log.js';
import type { WireReset } from './wire-event.js';
import { toWire } from './wire-record.js';

/** What a stream begins with. */
export interface Opening {
  readonly frame: Buffer;
  /** The place in the log that a reader has come to with that. */
  readonly place: number;
  /** Nothing is to come after it. */
  readonly over: boolean;
}

const EMPTY = Buffer.alloc(0);

/** For a reader that comes back to a place that is kept. */
export function openingAt(place: number): Opening {
  return { frame: EMPTY, place, over: false };
}

/** For a reader of all tasks that is new, or has lost its place. */
export function openingOfAll(log: EventLog, reset: WireReset['reason'] | null): Opening {
  const id = log.newestId;
  const frame = reset === null ? frameOf('ready', {}, id) : frameOf('reset', { reason: reset }, id);
  return { frame, place: log.newest, over: false };
}

/** For a reader of one task that is new, or has lost its place. */
export function openingOfTask(log: EventLog, reset: WireReset['reason'] | null, task: TaskRecord): Opening {
  // Without an id: who loses its connection before the snapshot has not come on.
  const lost = reset === null ? EMPTY : frameOf('reset', { reason: reset }, null);
  const frame = Buffer.concat([lost, frameOf('snapshot', toWire(task), log.newestId)]);
  return { frame, place: log.newest, over: isTerminal(task.status) };
}

/** Whether the end of a settled task came after this place. */
export function hasEnd(log: EventLog, place: number, taskId: string): boolean {
  for (let n = log.newest; n > place; n--) {
    const entry = log.get(n);
    if (entry?.terminal === true && entry.subject.taskId === taskId) return true;
  }
  return false;
}
