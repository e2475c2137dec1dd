import type { Clock, StopTimer } from './clock.js';
import type { Counters } from './control-block.js';
import type { Chunk, Flight, FlightEvents, Lanes, Outcome } from './lanes.js';
import { LoneOutcome } from './lone-outcome.js';
import type { Notes } from './protocol.js';

/** Who is told of the flights of a task. */
export interface TaskFlightEvents {
  onNotes(notes: Notes): void;
  /** One of them is over. */
  onLanded(chunk: Chunk, outcome: Outcome): void;
}

/** The flights of one task: what is under way, how it is ended, and whether it still shows signs of life. */
export class TaskFlights {
  readonly #clock: Clock;
  readonly #killable: boolean;
  readonly #events: TaskFlightEvents;
  readonly #flights: Flying[] = [];
  #stopGrace: StopTimer | null = null;

  constructor(clock: Clock, killable: boolean, events: TaskFlightEvents) {
    this.#clock = clock;
    this.#killable = killable;
    this.#events = events;
  }

  get size(): number {
    return this.#flights.length;
  }

  send(chunk: Chunk, lanes: Lanes): void {
    const flying = this.#add(chunk, 0);
    flying.flight = lanes.send(chunk, flying);
  }

  /** Takes on a flight that is under way, in which the chunk is one member. Returns who is to be told of that. */
  adopt(chunk: Chunk, flight: Flight, member: number): FlightEvents {
    const flying = this.#add(chunk, member);
    flying.flight = flight;
    return flying;
  }

  #add(chunk: Chunk, member: number): Flying {
    const flying = new Flying(chunk, member, this);
    this.#flights.push(flying);
    return flying;
  }

  onNotes(notes: Notes): void {
    this.#events.onNotes(notes);
  }

  onLanded(flying: Flying, outcome: Outcome): void {
    this.#flights.splice(this.#flights.indexOf(flying), 1);
    this.#events.onLanded(flying.chunk, outcome);
  }

  /** Asks all of them to stop; what still flies after `graceMs` is ended by force. */
  stop(graceMs: number): void {
    // One that has not begun may be over at once.
    const flights = [...this.#flights];
    for (const { flight, member } of flights) flight?.cancel(member);
    this.killAfter(graceMs);
  }

  killAfter(ms: number): void {
    this.keep();
    if (this.#flights.length > 0) this.#stopGrace = this.#clock.after(ms, () => this.kill());
  }

  /** Ends their threads, unless the type must not be killed. */
  kill(): void {
    if (!this.#killable) return;
    const flights = [...this.#flights];
    for (const { flight } of flights) flight?.kill();
  }

  /** No force any more. */
  keep(): void {
    this.#stopGrace?.();
    this.#stopGrace = null;
  }

  /** What each has counted so far. */
  *sample(): Generator<{ readonly chunk: Chunk; readonly counted: Counters }, void, undefined> {
    for (const flying of this.#flights) {
      const counted = flying.listen(this.#clock.monotonic());
      if (counted !== null) yield { chunk: flying.chunk, counted };
    }
  }

  /** For how long the one that was silent longest has shown no sign of life: no item done, nothing said or asked. */
  silentMs(): number {
    let silentMs = 0;
    const now = this.#clock.monotonic();
    for (const flying of this.#flights) {
      flying.listen(now);
      silentMs = Math.max(silentMs, now - flying.heardAt);
    }
    return silentMs;
  }
}

/** One of them, told of by its lane. */
class Flying extends LoneOutcome {
  readonly chunk: Chunk;
  readonly member: number;
  flight: Flight | null = null;
  /** Known since it was first listened to. */
  heardAt = 0;
  readonly #flights: TaskFlights;
  #beats = Number.NaN;

  constructor(chunk: Chunk, member: number, flights: TaskFlights) {
    super();
    this.chunk = chunk;
    this.member = member;
    this.#flights = flights;
  }

  override onNotes(notes: Notes): void {
    this.#flights.onNotes(notes);
  }

  protected override onWhole(outcome: Outcome): void {
    this.#flights.onLanded(this, outcome);
  }

  /** What it has counted, and so whether it is alive. */
  listen(now: number): Counters | null {
    const counted = this.flight?.sample() ?? null;
    if (counted !== null && counted.beats !== this.#beats) {
      this.#beats = counted.beats;
      this.heardAt = now;
    }
    return counted;
  }
}
