import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How a command ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly errors: string;
}

export interface CommandOptions {
  /** Over an environment without anything of Treadle's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads. @default nothing */
  readonly input?: string;
  /** What is started. @default the built `treadle` */
  readonly main?: string;
}

/** A command that runs, as a shell starts it; it ends with the test at the latest. */
export class Command {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = '';
  #errors = '';
  #onChange: () => void = () => {};

  constructor(args: readonly string[], options: CommandOptions = {}) {
    this.#child = this.#start(process.execPath, [options.main ?? MAIN, ...args], options);
    this.ended = this.#listen(options.input);
  }

  #start(program: string, args: readonly string[], { env = {}, cwd }: CommandOptions): ChildProcess {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(?:TREADLE_|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$)/.test(name),
    );
    return spawn(program, args, { env: { ...Object.fromEntries(inherited), ...env }, cwd, stdio: 'pipe' });
  }

  async #listen(input: string | undefined): Promise<Ended> {
    const child = this.#child;
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.#out += part;
      this.#onChange();
    });
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.#errors += part));
    // It may end before it has read all.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    this.#onChange();
    return { code, signal, out: this.#out, errors: this.#errors };
  }

  get out(): string {
    return this.#out;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Reads no more of what it prints, as `head` does once it has enough. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** What of its output looks like this, as soon as there is such a thing. */
  async printed(shape: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = shape.exec(this.#out);
      if (found !== null) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`Ended without ${shape}: ${this.#out}\n${this.#errors}`);
      }
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }
}

/** Runs a command to its end. */
export function treadle(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return new Command(args, options).ended;
}
