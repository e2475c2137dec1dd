import { CHUNK_END, CHUNK_START, TASK_CHANNELS, type TransitionEvent } from './diagnostics.js';
import type { ChunkEvent, ChunkStartEvent } from './events.js';
import type { Chunk } from './lanes.js';
import { type ThrownMessage, reviveThrown, serializeThrown } from './protocol.js';
import type { TaskEmitter } from './task-emitter.js';
import { strayWarning } from './task-failure.js';
import type { Task } from './task.js';
import type { ChunkOutcome } from './thread-flight.js';
import type { TaskPhase } from './thread-snapshot.js';
import type { TaskMessage, TaskRecord } from './task-record.js';

/** Tells who listens to a manager, or to the channels of `node:diagnostics_channel`. */
export class Announcer {
  readonly #emitter: TaskEmitter;
  readonly #recordOf: (task: Task) => TaskRecord;

  /** `recordOf` makes the present record of a task. */
  constructor(emitter: TaskEmitter, recordOf: (task: Task) => TaskRecord) {
    this.#emitter = emitter;
    this.#recordOf = recordOf;
  }

  /** The task has come to a new state: the event is named after that. */
  task(event: TransitionEvent, task: Task): void {
    const channel = TASK_CHANNELS[event];
    const listened = this.#emitter.listenerCount(event) > 0;
    // Made only for who listens.
    if (!listened && !channel.hasSubscribers) return;
    const record = this.#recordOf(task);
    // First, because a listener may bring the task to its next state.
    channel.publish({ manager: this.#emitter, record });
    if (listened) this.#emitter.emit(event, record);
  }

  /** The task has come on. */
  progress(task: Task): void {
    if (this.#emitter.listenerCount('progress') > 0) this.#emitter.emit('progress', this.#recordOf(task));
  }

  chunkSent(type: string, lane: number, chunk: Chunk): void {
    if (!CHUNK_START.hasSubscribers) return;
    const event = chunkEvent(type, lane, chunk);
    // Not within the sending: who hears of it may cancel the task.
    queueMicrotask(() => CHUNK_START.publish({ manager: this.#emitter, chunk: event }));
  }

  chunkOver(type: string, lane: number, chunk: Chunk, ms: number, outcome: ChunkOutcome): void {
    const listened = this.#emitter.listenerCount('chunk') > 0;
    if (!listened && !CHUNK_END.hasSubscribers) return;
    const event: ChunkEvent = Object.freeze({ ...chunkEvent(type, lane, chunk), ms, outcome });
    CHUNK_END.publish({ manager: this.#emitter, chunk: event });
    if (listened) this.#emitter.emit('chunk', event);
  }

  messages(task: Task, messages: readonly TaskMessage[]): void {
    if (this.#emitter.listenerCount('log') === 0) return;
    for (const { at, text } of messages) {
      this.#emitter.emit('log', { taskId: task.id, type: task.identity.type, at, message: text });
    }
  }

  /** What a task had left on its thread threw after the task's end. */
  stray(type: string | null, taskId: string | null, thrown: ThrownMessage): void {
    const error = reviveThrown(thrown);
    if (this.#emitter.listenerCount('strayError') > 0) this.#emitter.emit('strayError', { taskId, type, error });
    else process.emitWarning(strayWarning(type, taskId, error.message), { code: 'TREADLE_STRAY_ERROR' });
  }

  /** A function of the user's failed. */
  error(error: unknown): void {
    try {
      if (this.#emitter.emit('listenerError', error)) return;
    } catch {
      // The listener for errors throws too: the warning below is what is left.
    }
    const { name, message, stack } = serializeThrown(error);
    // Text, because the code of a warning that is an error is left out.
    process.emitWarning(`A listener or a hook threw ${name}: ${message}`, {
      code: 'TREADLE_LISTENER_ERROR',
      ...(stack === undefined ? {} : { detail: stack }),
    });
  }
}

function chunkEvent(type: string, thread: number, { taskIds, phase, from, to }: Chunk): ChunkStartEvent {
  return Object.freeze({ thread, taskIds: Object.freeze([...taskIds]), type, phase: phase as TaskPhase, from, to });
}
