import type { Clock, StopTimer } from './clock.js';
import type { Chunk } from './lanes.js';

export interface ChunkQueueEvents {
  /** The time of one that waited has come. */
  onDue(): void;
}

// Shared by the many tasks that send nothing twice.
const NONE: readonly Chunk[] = [];

/** Chunks of one task that are to be sent again, some of them not before their time has come. */
export class ChunkQueue {
  readonly #clock: Clock;
  readonly #events: ChunkQueueEvents;
  /** Of those that wait. Made on demand, as most tasks have none. */
  #timers: Set<StopTimer> | null = null;
  #due: readonly Chunk[] = NONE;

  constructor(clock: Clock, events: ChunkQueueEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Those that wait for their time included. */
  get size(): number {
    return this.#due.length + this.waiting;
  }

  /** How many wait for their time. */
  get waiting(): number {
    return this.#timers?.size ?? 0;
  }

  /** How many may be sent now. */
  get due(): number {
    return this.#due.length;
  }

  add(chunk: Chunk, delayMs = 0): void {
    if (delayMs <= 0) return this.#addDue(chunk);
    const timers = (this.#timers ??= new Set());
    const stop = this.#clock.after(delayMs, () => {
      timers.delete(stop);
      this.#addDue(chunk);
      this.#events.onDue();
    });
    timers.add(stop);
  }

  #addDue(chunk: Chunk): void {
    this.#due = [...this.#due, chunk];
  }

  take(): Chunk | undefined {
    const [next, ...rest] = this.#due;
    if (next !== undefined) this.#due = rest.length > 0 ? rest : NONE;
    return next;
  }

  clear(): void {
    this.#due = NONE;
    for (const stop of this.#timers ?? []) stop();
    this.#timers = null;
  }
}
