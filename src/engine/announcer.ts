import type { EventEmitter } from 'eventemitter3';
import type { TaskEvents } from './events.js';
import { type ThrownMessage, reviveThrown, serializeThrown } from './protocol.js';
import { strayWarning } from './task-failure.js';
import type { Task } from './task.js';
import type { TaskMessage, TaskRecord } from './task-record.js';

/** Tells who listens to a manager. A listener that throws must not stop the engine. */
export class Announcer {
  readonly #emitter: EventEmitter<TaskEvents>;
  readonly #recordOf: (task: Task) => TaskRecord;

  /** `recordOf` makes the present record of a task. */
  constructor(emitter: EventEmitter<TaskEvents>, recordOf: (task: Task) => TaskRecord) {
    this.#emitter = emitter;
    this.#recordOf = recordOf;
  }

  /** The task has come to a new state, or on: the event is named after that. */
  task(event: Exclude<keyof TaskEvents, 'log' | 'listenerError' | 'strayError'>, task: Task): void {
    // Made only for who listens.
    if (this.#emitter.listenerCount(event) > 0) this.#emit(event, this.#recordOf(task));
  }

  messages(task: Task, messages: readonly TaskMessage[]): void {
    if (this.#emitter.listenerCount('log') === 0) return;
    for (const { at, text } of messages) {
      this.#emit('log', { taskId: task.id, type: task.identity.type, at, message: text });
    }
  }

  /** What a task had left on its thread threw after the task's end. */
  stray(type: string | null, taskId: string | null, thrown: ThrownMessage): void {
    const error = reviveThrown(thrown);
    if (this.#emitter.listenerCount('strayError') > 0) this.#emit('strayError', { taskId, type, error });
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

  /** Those that were registered after one that throws miss that one event. */
  #emit<Event extends keyof TaskEvents>(event: Event, ...args: EventEmitter.EventArgs<TaskEvents, Event>): void {
    try {
      this.#emitter.emit(event, ...args);
    } catch (error) {
      this.error(error);
    }
  }
}
