import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Watches for how long the main thread is not to be had. */
export class PauseWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: 1 });
  #longestMs = 0;
  #last = performance.now();
  #over = false;

  constructor() {
    this.#histogram.enable();
    this.#turn();
  }

  /** The longest pause in milliseconds: of a timer that is due each millisecond, or between two turns of the event loop. */
  end(): number {
    this.#over = true;
    this.#histogram.disable();
    return Math.max(this.#longestMs, this.#histogram.max / 1e6);
  }

  #turn(): void {
    if (this.#over) return;
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#last = now;
    setImmediate(() => this.#turn());
  }
}
