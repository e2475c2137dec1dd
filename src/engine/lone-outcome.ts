import type { FlightEvents, FlightOutcome, Outcome } from './lanes.js';
import type { ModuleShape, Notes } from './protocol.js';

/** Makes one whole of what is told of a flight, for who cares about one member of it only. */
export class LoneOutcome implements FlightEvents {
  readonly #onNotes: (notes: Notes) => void;
  readonly #onOutcome: (outcome: Outcome) => void;
  #outcome: FlightOutcome | null = null;

  constructor(onOutcome: (outcome: Outcome) => void, onNotes: (notes: Notes) => void = () => {}) {
    this.#onOutcome = onOutcome;
    this.#onNotes = onNotes;
  }

  onNotes(notes: Notes): void {
    this.#onNotes(notes);
  }

  onOutcome(outcome: FlightOutcome): void {
    this.#outcome = outcome;
  }

  onLeft(ms: number, shape: ModuleShape | null): void {
    // The outcome came in a message and is nobody else's: no copy.
    if (this.#outcome !== null) this.#onOutcome(Object.assign(this.#outcome, { ms, shape }));
  }
}
