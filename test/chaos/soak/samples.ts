import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectGarbage } from '../left-behind.js';

/** What was measured at one moment. */
export interface Sample {
  /** Since the start of the load. */
  readonly seconds: number;
  /** Bytes of the host's heap after a collection. */
  readonly heapBytes: number;
  /** Bytes of the whole process, threads included. */
  readonly rssBytes: number;
  /** Worker threads that live. */
  readonly threads: number;
  /** The longest that the host's event loop was late since the last sample. Milliseconds. */
  readonly stallMs: number;
  /** Tasks that have settled since the start. */
  readonly settled: number;
}

/** Takes samples of this process. */
export class Sampler {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 5 });
  readonly #startedAt = performance.now();

  constructor() {
    this.#delay.enable();
  }

  async take(threads: number, settled: number): Promise<Sample> {
    const stallMs = this.#delay.max / 1e6;
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    await collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    // The collection was no stall of the engine's.
    this.#delay.reset();
    return {
      seconds: round(seconds),
      heapBytes: heapUsed,
      rssBytes: rss,
      threads,
      stallMs: round(stallMs),
      settled,
    };
  }

  stop(): void {
    this.#delay.disable();
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
