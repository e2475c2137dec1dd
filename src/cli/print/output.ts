import { styleText } from 'node:util';
import { cleanJson } from './clean-text.js';

/** How a word stands out on a terminal. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'inverse';

/** Where a command writes to. */
export class Output {
  readonly stream: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  readonly #colours: boolean;

  constructor(stream: NodeJS.WriteStream = process.stdout, env: NodeJS.ProcessEnv = process.env) {
    this.stream = stream;
    // A terminal without a size, as one over a serial line may be, can't be drawn on.
    this.isTerminal = stream.isTTY && stream.columns > 0 && stream.rows > 0;
    const { NO_COLOR: noColour = '', TERM: terminal } = env;
    this.#colours = this.isTerminal && noColour === '' && terminal !== 'dumb';
  }

  /** How wide a line may be: as the terminal; any width elsewhere. */
  get columns(): number {
    return this.isTerminal ? this.stream.columns : Infinity;
  }

  /** The text in this style, where it goes to a terminal and NO_COLOR is not set. */
  paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text) : text;
  }

  line(text = ''): void {
    this.stream.write(`${text}\n`);
  }

  lines(lines: readonly string[]): void {
    this.line(lines.join('\n'));
  }

  /** @param indent of a document that stands for itself; without it the document is one line. */
  json(value: unknown, indent = 0): void {
    this.line(cleanJson(value, indent));
  }
}
