import cliProgress from 'cli-progress';
import { count } from './figures.js';

/** A step of known length that is under way. */
export interface Step {
  /** What is being done, and to what: `embedding`, `passages`. */
  readonly label: string;
  readonly unit: string;
  readonly total: number;
  /** When it began, by `performance.now()`. */
  readonly startMs: number;
}

/** Shows how far a step is. */
export interface Progress {
  update(done: number): void;
  stop(): void;
}

/** On a narrower terminal there is no room for a bar; the figures alone are shown. */
const MIN_COLUMNS = 64;

const MAX_BAR_COLUMNS = 28;

/** Characters of all but the label, the unit and the bar itself, with numbers of six digits. */
const FIGURE_COLUMNS = 34;

/** A live bar. It redraws itself by a timer and, where that can't run, whenever it is updated. */
export class ProgressBar implements Progress {
  readonly #step: Step;
  readonly #bar: cliProgress.SingleBar;
  #done = 0;

  constructor(step: Step, stream: NodeJS.WriteStream, columns: number) {
    this.#step = step;
    const { label, unit } = step;
    const figures = `{percentage} % of {total} ${unit}, {rate}/s`;
    this.#bar = new cliProgress.SingleBar({
      format: columns < MIN_COLUMNS ? `  ${label} ${figures}` : `  ${label} {bar} ${figures}`,
      barsize: Math.max(1, Math.min(MAX_BAR_COLUMNS, columns - label.length - unit.length - FIGURE_COLUMNS)),
      barCompleteChar: '#',
      barIncompleteChar: '.',
      stream,
      // A process that a signal ends at once would leave the terminal without line wrap.
      linewrap: true,
      forceRedraw: true,
      formatValue: (value, _, kind) => (kind === 'total' ? count(value) : String(value)),
    });
    this.resume();
  }

  update(done: number): void {
    this.#done = done;
    this.#bar.update(done, this.#payload());
  }

  /** Leaves the bar as it is and goes to the next line, so that something else can be printed. */
  stop(): void {
    this.#bar.stop();
  }

  /** Draws it anew, where the cursor is. */
  resume(): void {
    this.#bar.start(this.#step.total, this.#done, this.#payload());
  }

  #payload(): { rate: string } {
    return { rate: rate(this.#step, this.#done) };
  }
}

/** Without a terminal: a line for each quarter of the way. */
export class ProgressLines implements Progress {
  readonly #step: Step;
  readonly #print: (line: string) => void;
  #quarters = 0;

  constructor(step: Step, print: (line: string) => void) {
    this.#step = step;
    this.#print = print;
  }

  update(done: number): void {
    const { label, unit, total } = this.#step;
    const quarters = Math.floor((4 * done) / total);
    if (quarters <= this.#quarters) return;
    this.#quarters = quarters;
    const percent = Math.floor((100 * done) / total);
    this.#print(`  ${label} ${percent} % of ${count(total)} ${unit}, ${rate(this.#step, done)}/s`);
  }

  stop(): void {
    this.#quarters = Infinity;
  }
}

function rate({ startMs }: Step, done: number): string {
  return count((done * 1000) / Math.max(1, performance.now() - startMs));
}
