import type { Violations } from './violations.js';

/** An error thrown on purpose by a listener or a hook of the driver. */
class Planned extends Error {}

/** Listeners and hooks that fail, and whether each of their errors came back exactly once as `listenerError`. */
export class Bystanders {
  readonly #due = new Set<unknown>();
  readonly #violations: Violations;
  thrown = 0;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** An error to throw. */
  error(whose: string): Error {
    const error = new Planned(`thrown on purpose by ${whose}`);
    this.#due.add(error);
    this.thrown++;
    return error;
  }

  readonly onListenerError = (error: unknown): void => {
    if (!this.#due.delete(error))
      this.#violations.add(`listenerError brought something else, or twice: ${String(error)}`);
  };

  audit(): void {
    for (const error of this.#due) this.#violations.add(`listenerError never brought: ${String(error)}`);
  }
}
