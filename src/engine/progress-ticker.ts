import type { Clock, Ticker } from './clock.js';
import { SAMPLE_MS } from './options.js';

/** Ticks ten times a second while there are tasks; that also is what keeps the process alive for them. */
export class ProgressTicker {
  readonly #clock: Clock;
  readonly #onTick: () => void;
  #ticker: Ticker | null = null;
  #active = 0;
  #closed = false;

  constructor(clock: Clock, onTick: () => void) {
    this.#clock = clock;
    this.#onTick = onTick;
  }

  /** So many tasks have not settled. */
  keep(active: number): void {
    const same = active > 0 === this.#active > 0;
    this.#active = active;
    if (this.#closed || (same && this.#ticker !== null)) return;
    if (this.#ticker !== null) this.#ticker.keepAlive(active > 0);
    else if (active > 0) this.#ticker = this.#clock.every(SAMPLE_MS, () => this.#tick());
  }

  #tick(): void {
    if (this.#active === 0) this.#stop();
    else this.#onTick();
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #stop(): void {
    this.#ticker?.stop();
    this.#ticker = null;
  }
}
