import type { Clock, StopTimer } from '../engine/clock.js';
import type { TaskRecord } from '../engine/task-record.js';
import { frameOf } from './event-log.js';
import { type EventSubject, subjectOf } from './event-subject.js';
import { toWire } from './wire-record.js';

/** Progress of a task. */
export interface ProgressNews {
  /** Rises with each one, over all tasks. */
  readonly version: number;
  readonly subject: EventSubject;
  /** As it goes over the wire, made once for all readers. */
  readonly frame: () => Buffer;
}

/** The newest progress of each task, of which all readers are told in turns: so none hears of a task more often. */
export class ProgressBoard {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #onTurn: (version: number) => void;
  readonly #news = new Map<string, ProgressNews>();
  #version = 0;
  #stopTurn: StopTimer | null = null;

  /** At a turn, `onTurn` is told which version is the newest. There is at most one every so many milliseconds. */
  constructor(clock: Clock, everyMs: number, onTurn: (version: number) => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#onTurn = onTurn;
  }

  get version(): number {
    return this.#version;
  }

  /** At most one of each task, in the order of their versions. */
  news(): Iterable<ProgressNews> {
    return this.#news.values();
  }

  put(record: TaskRecord): void {
    const subject = subjectOf(record);
    const version = ++this.#version;
    let frame: Buffer | null = null;
    // Out first: so that it stands last.
    this.#news.delete(record.id);
    this.#news.set(record.id, {
      version,
      subject,
      frame: () => (frame ??= frameOf('progress', toWire(record), null)),
    });
    this.#askTurn();
  }

  /** There is something newer to tell of the task than its progress. */
  forget(taskId: string): void {
    this.#news.delete(taskId);
  }

  /** A reader that is ready has seen what there was up to this version, and has missed its turn if there is more. */
  askTurn(seen: number): void {
    if (seen < this.#version) this.#askTurn();
  }

  clear(): void {
    this.#stopTurn?.();
    this.#stopTurn = null;
    this.#news.clear();
  }

  #askTurn(): void {
    if (this.#everyMs === 0) this.#turn();
    else this.#stopTurn ??= this.#clock.after(this.#everyMs, () => this.#turn());
  }

  #turn(): void {
    this.#stopTurn = null;
    this.#onTurn(this.#version);
  }
}
