import { setImmediate as turn } from 'node:timers/promises';
import type { Chunk, Flight, Lanes, Outcome } from '../../dist/engine/lanes.js';

interface InFlight {
  readonly chunk: Chunk;
  readonly endsAtMs: number;
  readonly ms: number;
  readonly resolve: (outcome: Outcome) => void;
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

  send(chunk: Chunk): Flight {
    if (this.free() <= 0) throw new Error('No lane is free');
    this.sent.push(chunk);
    const ms = this.#options.costMs(chunk);
    let resolve!: (outcome: Outcome) => void;
    const outcome = new Promise<Outcome>((settle) => {
      resolve = settle;
    });
    this.#flights.add({ chunk, ms, endsAtMs: this.nowMs + ms, resolve });
    return { outcome, cancel: () => {}, kill: () => {}, sample: () => ({ done: 0, total: Number.NaN, beats: 0 }) };
  }

  /** Lets the chunk that ends next end, and waits until what follows from it has happened; false when none flies. */
  async step(): Promise<boolean> {
    await turn();
    const next = [...this.#flights].sort((a, b) => a.endsAtMs - b.endsAtMs)[0];
    if (next === undefined) return false;
    this.#flights.delete(next);
    this.nowMs = next.endsAtMs;
    const { chunk, ms } = next;
    this.usedMs.set(chunk.taskId, (this.usedMs.get(chunk.taskId) ?? 0) + ms);
    next.resolve({ kind: 'returned', value: undefined, done: chunk.to - chunk.from, ms, shape: null });
    await Promise.resolve();
    this.onChange();
    await turn();
    return true;
  }

  /** Steps until the clock has reached `ms`. */
  async runUntil(ms: number): Promise<void> {
    while (this.nowMs < ms && (await this.step()));
  }
}
