/** What must be undone before the process may end, however it ends. */
export class CleanUp {
  readonly #steps: (() => unknown)[] = [];
  #done: Promise<void> | null = null;

  /** Adds a step. Steps run last in, first out; one that throws does not stop the others. */
  add(step: () => unknown): void {
    if (this.#done === null) this.#steps.push(step);
    // What was made while all else was already being undone goes too.
    else void this.#done.then(step).catch(() => undefined);
  }

  /** Runs each step once; calling it again gives the same promise. */
  run(): Promise<void> {
    this.#done ??= this.#undo();
    return this.#done;
  }

  async #undo(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        process.stderr.write(`While cleaning up: ${String(error)}\n`);
      }
    }
  }
}
