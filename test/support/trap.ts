import { COUNTS, type Hazard, type Step } from '../tasks/hazard.task.js';
import { Gate } from '../tasks/gate.js';
import type { Strike } from '../tasks/strike.js';

/** How a trap differs from: three items, the first alone in `run`, struck each time it is tried. */
export interface TrapOptions {
  /** Keep another chunk of the task in flight while the first item is struck. It takes a second thread. */
  readonly beside?: boolean;
  /** Strike the first try only. */
  readonly once?: boolean;
  readonly items?: number;
}

/** The input of a task that is struck in one step, when the test wants it. */
export class Trap {
  readonly at: Step;
  readonly gate: Gate = new Gate();
  /** Where the other chunk in flight stays. */
  readonly beside: Gate | null;
  readonly input: Hazard;
  readonly #counts = new Int32Array(new SharedArrayBuffer(9 * Int32Array.BYTES_PER_ELEMENT));

  /** Without a strike it waits in that step, and goes on well. */
  constructor(at: Step, strike: Strike | null, options: TrapOptions = {}) {
    this.at = at;
    this.beside = options.beside === true ? new Gate() : null;
    this.input = {
      items: options.items ?? 3,
      gates: { [at]: this.gate.buffer },
      beside: this.beside?.buffer,
      strikes: strike === null ? {} : { [at]: strike },
      once: options.once ?? false,
      counts: this.#counts.buffer,
    };
  }

  /** What the task returns when nothing is in its way. */
  get result(): number {
    const items = this.input.items ?? 0;
    return items * (items - 1);
  }

  /** Resolves when the step waits to be struck, and the other chunk is in flight. */
  async reached(): Promise<void> {
    await Promise.all([this.gate.arrived(), this.beside?.arrived()]);
  }

  /** Strikes. The other chunk in flight stays where it is. */
  spring(): void {
    this.gate.open();
  }

  /** Lets everything go on. */
  release(): void {
    this.gate.open();
    this.beside?.open();
  }

  /** How often a step began; of the items the first one counts. */
  begun(step: Step): number {
    return Atomics.load(this.#counts, COUNTS[step]);
  }

  /** How often a step came to its end. */
  ended(step: Step): number {
    return Atomics.load(this.#counts, COUNTS.ended + COUNTS[step]);
  }
}
