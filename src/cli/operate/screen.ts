import { createLogUpdate } from 'log-update';
import { EXIT } from '../command-error.js';
import type { Output } from '../print/output.js';

/** Where a picture is shown that changes: drawn anew on a terminal, one after another elsewhere. */
export class Screen {
  readonly #output: Output;
  readonly #redraw: ReturnType<typeof createLogUpdate> | null;
  readonly #onInterrupt = (): void => {
    this.close();
    process.exit(EXIT.interrupted);
  };

  /** From then on Ctrl-C ends the process, quietly. */
  constructor(output: Output) {
    this.#output = output;
    this.#redraw = output.isTerminal ? createLogUpdate(output.stream) : null;
    process.once('SIGINT', this.#onInterrupt);
  }

  /** Shows the lines in place of the last ones. What is too long for the terminal is cut off below. */
  draw(lines: readonly string[]): void {
    if (this.#redraw === null) {
      this.#output.lines(lines);
      return;
    }
    // The cursor stands on the line below.
    const room = Math.max(1, this.#output.stream.rows - 1);
    const shown = lines.length > room ? [...lines.slice(0, room - 1), '…'] : lines;
    this.#redraw(shown.join('\n'));
  }

  /** Takes away what was drawn last on a terminal. */
  clear(): void {
    this.#redraw?.clear();
  }

  /** Leaves what was drawn last. */
  close(): void {
    this.#redraw?.done();
    process.off('SIGINT', this.#onInterrupt);
  }
}
