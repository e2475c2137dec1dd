import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mainThreadCpuMs } from './main-thread-cpu.js';

/** The longest pauses of a watch. Milliseconds. */
export interface Pauses {
  /** Of a timer that is due each millisecond, or between two turns of the event loop: whichever is longer. */
  readonly longestMs: number;
  /**
   * The most CPU time of the main thread between two turns: without what it waited for, a core above all. Linux counts it
   * by the tick of its clock, so it may be some 4 ms too much.
   */
  readonly longestCpuMs: number;
}

/** Watches for how long the main thread is not to be had. */
export class PauseWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: 1 });
  #longestMs = 0;
  #longestCpuMs = 0;
  #last = performance.now();
  #lastCpuMs = mainThreadCpuMs();
  #over = false;

  constructor() {
    this.#histogram.enable();
    this.#turn();
  }

  end(): Pauses {
    this.#over = true;
    this.#histogram.disable();
    return {
      longestMs: Math.max(this.#longestMs, this.#histogram.max / 1e6),
      longestCpuMs: this.#longestCpuMs,
    };
  }

  #turn(): void {
    if (this.#over) return;
    const [now, cpuMs] = [performance.now(), mainThreadCpuMs()];
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#longestCpuMs = Math.max(this.#longestCpuMs, cpuMs - this.#lastCpuMs);
    this.#last = now;
    this.#lastCpuMs = cpuMs;
    setImmediate(() => this.#turn());
  }
}
