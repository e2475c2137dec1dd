import { setImmediate as turn } from 'node:timers/promises';
import type { Chunk, Flight, FlightEvents, Lanes } from '../../dist/engine/lanes.js';

interface InFlight {
  readonly chunk: Chunk;
  readonly endsAtMs: number;
  readonly ms: number;
  readonly events: FlightEvents;
}

export interface FakeLanesOptions {
  readonly lanes: number;
  /** How long a chunk takes. */
  readonly costMs: (chunk: Chunk) => number;
}

/** Lanes on which time passes only when the test says so: the chunk that ends next ends at {@link step}. */
export class FakeLanes implements Lanes {
  /** Every chunk that was sent, in order. */
  readonly sent: Chunk[] = [];
  /** Milliseconds of finished chunks, by task. */
  readonly usedMs: Map<string, number> = new Map();
  /** Called when a lane is free again. */
  onChange: () => void = () => {};
  nowMs = 0;
  readonly closed = false;
  readonly #flights = new Set<InFlight>();
  readonly #options: FakeLanesOptions;

  constructor(options: FakeLanesOptions) {
    this.#options = options;
  }

  free(): number {
    return this.#options.lanes - this.#flights.size;
  }

  grow(): void {}

  forget(): void {}

  check(): number {
    return 0;
  }

  resize(): void {}

  warmUp(): Promise<[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  live(): number {
    return this.#options.lanes;
  }

  busy(): number {
    return this.#flights.size;
  }

  /** How many chunks of a task are on a lane. */
  flying(taskId: string): number {
    return Array.from(this.#flights).filter(({ chunk }) => chunk.taskIds.includes(taskId)).length;
  }

  send(chunk: Chunk, events: FlightEvents): Flight {
    if (this.free() <= 0) throw new Error('No lane is free');
    this.sent.push(chunk);
    const ms = this.#options.costMs(chunk);
    this.#flights.add({ chunk, ms, endsAtMs: this.nowMs + ms, events });
    return {
      cancel: () => {},
      takeBack: () => false,
      kill: () => {},
      hasBegun: () => true,
      sample: () => ({ done: 0, total: Number.NaN, beats: 0 }),
    };
  }

  /** Lets the chunk that ends next end, and waits until what follows from it has happened; false when none flies. */
  async step(): Promise<boolean> {
    await turn();
    const next = [...this.#flights].sort((a, b) => a.endsAtMs - b.endsAtMs)[0];
    if (next === undefined) return false;
    this.#flights.delete(next);
    this.nowMs = next.endsAtMs;
    const { chunk, events, ms } = next;
    for (const [member, taskId] of chunk.taskIds.entries()) {
      this.usedMs.set(taskId, (this.usedMs.get(taskId) ?? 0) + ms / chunk.taskIds.length);
      events.onOutcome({ kind: 'returned', value: undefined, done: chunk.to - chunk.from }, member, 0);
    }
    events.onLeft(ms, null);
    this.onChange();
    await turn();
    return true;
  }

  /** Steps until the clock has reached `ms`. */
  async runUntil(ms: number): Promise<void> {
    while (this.nowMs < ms && (await this.step()));
  }
}
