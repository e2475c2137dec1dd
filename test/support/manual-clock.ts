import type { Clock } from 'treadle';

interface Timer {
  at: number;
  everyMs: number | null;
  fire: () => void;
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, fire: () => void): () => void {
    const timer: Timer = { at: this.#now + ms, everyMs: null, fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  every(ms: number, fire: () => void): { keepAlive(): void; stop(): void } {
    const timer: Timer = { at: this.#now + ms, everyMs: ms, fire };
    this.#timers.add(timer);
    return { keepAlive: () => {}, stop: () => void this.#timers.delete(timer) };
  }

  /** Moves on, and fires what is due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      if (due.everyMs === null) this.#timers.delete(due);
      else due.at += due.everyMs;
      due.fire();
    }
    this.#now = end;
  }
}
