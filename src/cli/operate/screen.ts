import { stripVTControlCharacters } from 'node:util';
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
    const { rows, columns } = this.#output.stream;
    // The cursor stands on the line below.
    this.#redraw(topOf(lines, rows - 1, columns).join('\n'));
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

/** The lines that there is room for; long ones take several rows. */
function topOf(lines: readonly string[], rows: number, columns: number): readonly string[] {
  const rowsOf = (line: string): number => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
  let taken = 0;
  const end = lines.findIndex((line) => (taken += rowsOf(line)) > rows);
  if (end === -1) return lines;
  // One row less, for what says that there is more.
  const last = taken - rowsOf(lines[end] ?? '') < rows ? end : end - 1;
  return [...lines.slice(0, Math.max(0, last)), '…'];
}
