import type { FlightEvents, FlightOutcome, Outcome } from './lanes.js';
import type { ModuleShape, Notes } from './protocol.js';

/** Makes one whole of what is told of a flight, for who cares about one member of it only. */
export abstract class LoneOutcome implements FlightEvents {
  #outcome: FlightOutcome | null = null;

  protected abstract onWhole(outcome: Outcome): void;

  onNotes(_notes: Notes): void {}

  onOutcome(outcome: FlightOutcome): void {
    this.#outcome = outcome;
  }

  onLeft(ms: number, shape: ModuleShape | null): void {
    // The outcome came in a message and is nobody else's: no copy.
    if (this.#outcome !== null) this.onWhole(Object.assign(this.#outcome, { ms, shape }));
  }
}
