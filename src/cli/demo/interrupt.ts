import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ends the demo in good order when it is interrupted. */
export class Interrupt {
  readonly #end: (signal: NodeJS.Signals) => Promise<void>;
  #interrupted = false;

  /** @param end what to do before the process ends. It is called once. */
  constructor(end: (signal: NodeJS.Signals) => Promise<void>) {
    this.#end = end;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /**
   * Runs what blocks the event loop. No handler can run meanwhile, so the signals get back their effect of ending the
   * process at once; the probe then sees that it is alone, and cleans up.
   */
  async whileBlocked<T>(work: () => Promise<T>): Promise<T> {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    try {
      return await work();
    } finally {
      for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    }
  }

  /** Listens no more: the demo is over. */
  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal];
    // The second time, at once.
    if (this.#interrupted) process.exit(code);
    this.#interrupted = true;
    void this.#end(signal).finally(() => process.exit(code));
  };
}
