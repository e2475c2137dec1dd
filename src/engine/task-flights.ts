import type { Clock, StopTimer } from './clock.js';
import type { Counters } from './control-block.js';
import type { Chunk, Flight } from './lanes.js';

/** A chunk of the task that is under way. */
export interface Flying {
  readonly flight: Flight;
  readonly chunk: Chunk;
}

interface Heard extends Flying {
  beats: number;
  heardAt: number;
}

/** The flights of one task: what is under way, how it is ended, and whether it still shows signs of life. */
export class TaskFlights {
  readonly #clock: Clock;
  readonly #killable: boolean;
  readonly #flights: Heard[] = [];
  #stopGrace: StopTimer | null = null;

  constructor(clock: Clock, killable: boolean) {
    this.#clock = clock;
    this.#killable = killable;
  }

  get size(): number {
    return this.#flights.length;
  }

  add(flight: Flight, chunk: Chunk): Flying {
    const flying = { flight, chunk, beats: Number.NaN, heardAt: this.#clock.monotonic() };
    this.#flights.push(flying);
    return flying;
  }

  remove(flying: Flying): void {
    this.#flights.splice(this.#flights.indexOf(flying as Heard), 1);
  }

  /** Asks all of them to stop; what still flies after `graceMs` is ended by force. */
  stop(graceMs: number): void {
    for (const { flight } of this.#flights) flight.cancel();
    this.killAfter(graceMs);
  }

  killAfter(ms: number): void {
    this.keep();
    this.#stopGrace = this.#clock.after(ms, () => this.kill());
  }

  /** Ends their threads, unless the type must not be killed. */
  kill(): void {
    if (!this.#killable) return;
    for (const { flight } of this.#flights) flight.kill();
  }

  /** No force any more. */
  keep(): void {
    this.#stopGrace?.();
    this.#stopGrace = null;
  }

  /** What each has counted so far. */
  *sample(): Generator<{ readonly chunk: Chunk; readonly counted: Counters }, void, undefined> {
    for (const flying of this.#flights) yield { chunk: flying.chunk, counted: this.#listen(flying) };
  }

  /** For how long the one that was silent longest has shown no sign of life: no item done, nothing said or asked. */
  silentMs(): number {
    let silentMs = 0;
    const now = this.#clock.monotonic();
    for (const flying of this.#flights) {
      this.#listen(flying);
      silentMs = Math.max(silentMs, now - flying.heardAt);
    }
    return silentMs;
  }

  #listen(flying: Heard): Counters {
    const counted = flying.flight.sample();
    if (counted.beats !== flying.beats) {
      flying.beats = counted.beats;
      flying.heardAt = this.#clock.monotonic();
    }
    return counted;
  }
}
