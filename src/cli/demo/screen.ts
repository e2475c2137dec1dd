import { styleText } from 'node:util';
import { type Progress, ProgressBar, ProgressLines, type Step } from './progress-bar.js';

/** Where a terminal doesn't say how wide it is. */
const USUAL_COLUMNS = 80;

/**
 * What the demo shows: live bars where there is a terminal, plain lines where there is none. Bold type is all there is of
 * colour; NO_COLOR turns it off, and TERM=dumb that and the bars.
 */
export class Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;
  #bar: ProgressBar | null = null;
  #closed = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Undefined, not false, where it is none.
    this.#live = Boolean(stream.isTTY) && process.env['TERM'] !== 'dumb';
  }

  /** Characters that fit on a line; Infinity without a terminal. */
  get columns(): number {
    if (!this.#stream.isTTY) return Infinity;
    return this.#stream.columns > 0 ? this.#stream.columns : USUAL_COLUMNS;
  }

  /** Prints a line. A bar that is shown goes on below it. */
  line(text = ''): void {
    if (this.#closed) return;
    this.#bar?.stop();
    this.#stream.write(`${text}\n`);
    this.#bar?.resume();
  }

  heading(text: string): void {
    this.line();
    this.line(this.bold(text));
  }

  bold(text: string): string {
    const plain = !this.#live || (process.env['NO_COLOR'] ?? '') !== '';
    return plain ? text : styleText('bold', text);
  }

  /** Shows how far a step is, until it is stopped. One at a time. */
  progress(step: Step): Progress {
    if (!this.#live || this.#closed) return new ProgressLines(step, (line) => this.line(line));
    const bar = new ProgressBar(step, this.#stream, this.columns);
    this.#bar = bar;
    return {
      update: (done) => bar.update(done),
      stop: () => {
        bar.stop();
        this.#bar = null;
      },
    };
  }

  /** Prints a last line, if given, and nothing more: the process is about to end. */
  close(text?: string): void {
    this.#bar?.stop();
    this.#bar = null;
    if (text !== undefined) this.line(text);
    this.#closed = true;
  }
}
