import type { Clock, StopTimer } from './clock.js';
import type { Chunk } from './lanes.js';

/** Chunks of one task that are to be sent again, some of them not before their time has come. */
export class ChunkQueue {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  /** Of those that wait. Made on demand, as most tasks have none. */
  #timers: Set<StopTimer> | null = null;
  #due: Chunk[] = [];

  /** `onDue` is called when the time of one that waited has come. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
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
    if (delayMs <= 0) return void this.#due.push(chunk);
    const timers = (this.#timers ??= new Set());
    const stop = this.#clock.after(delayMs, () => {
      timers.delete(stop);
      this.#due.push(chunk);
      this.#onDue();
    });
    timers.add(stop);
  }

  take(): Chunk | undefined {
    return this.#due.shift();
  }

  clear(): void {
    this.#due = [];
    for (const stop of this.#timers ?? []) stop();
    this.#timers = null;
  }
}
