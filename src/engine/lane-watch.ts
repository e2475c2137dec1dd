import type { Clock } from './clock.js';

/** What was seen of the work on a lane. */
export interface LaneSight {
  /** Epoch milliseconds at which it was sent. */
  readonly since: number;
  /** Epoch milliseconds of the look that saw its last sign of life; `since` before the first. */
  readonly lastHeartbeatAt: number;
  /** Milliseconds since that look. */
  readonly silentMs: number;
  /** Milliseconds since it was told to stop; null where it was not. */
  readonly stoppingMs: number | null;
}

/**
 * Watches the work on one lane, one flight after another. It asks the clock once a flight; the rest is found out when
 * somebody looks, so small work pays for nothing else.
 */
export class LaneWatch {
  readonly #clock: Clock;
  /** Milliseconds on the monotonic clock, like all but `#since` and `#lastHeartbeatAt`. */
  #sentAt = 0;
  #heardAt = 0;
  #stoppedAt: number | null = null;
  #pulse = 0;
  /** Made of `#sentAt` once, so that it does not waver with the clocks. */
  #since: number | null = null;
  #lastHeartbeatAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Work goes out. `pulse` is a number that changes with each sign of life. */
  sent(pulse: number): void {
    this.#sentAt = this.#clock.monotonic();
    this.#heardAt = this.#sentAt;
    this.#stoppedAt = null;
    this.#pulse = pulse;
    this.#since = null;
  }

  /** It is told to stop; the first time counts. */
  stopped(): void {
    this.#stoppedAt ??= this.#clock.monotonic();
  }

  look(pulse: number): void {
    const now = this.#clock.monotonic();
    if (this.#since === null) {
      // Up, because `now()` is cut off: nothing is sent before its task has started.
      this.#since = Math.ceil(this.#clock.now() - (now - this.#sentAt));
      this.#lastHeartbeatAt = this.#since;
    }
    if (pulse === this.#pulse) return;
    this.#pulse = pulse;
    this.#heardAt = now;
    this.#lastHeartbeatAt = this.#clock.now();
  }

  sight(pulse: number): LaneSight {
    this.look(pulse);
    const now = this.#clock.monotonic();
    return {
      since: this.#since ?? 0,
      lastHeartbeatAt: this.#lastHeartbeatAt,
      silentMs: now - this.#heardAt,
      stoppingMs: this.#stoppedAt === null ? null : now - this.#stoppedAt,
    };
  }
}
