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
  /** Over an environment without anything of Treadle's, or that says how to write to a terminal: CI=true means no colours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads. @default nothing */
  readonly input?: string;
  /** What is started. @default the built `treadle` */
  readonly main?: string;
}

/** A process of a test, which it ends with at the latest. */
class TestProcess {
  protected readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = '';
  #errors = '';
  #onChange: () => void = () => {};

  constructor(program: string, args: readonly string[], { env = {}, cwd }: CommandOptions) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(?:TREADLE_|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$|CI$)/.test(name),
    );
    this.child = spawn(program, args, { env: { ...Object.fromEntries(inherited), ...env }, cwd, stdio: 'pipe' });
    this.ended = this.#listen();
  }

  async #listen(): Promise<Ended> {
    const { child } = this;
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.#out += part;
      this.#onChange();
    });
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (this.#errors += part));
    // It may end before it has read all.
    child.stdin?.on('error', () => {});
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    this.#onChange();
    return { code, signal, out: this.#out, errors: this.#errors };
  }

  get out(): string {
    return this.#out;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Reads no more of what it prints, as `head` does once it has enough. */
  stopReading(): void {
    this.child.stdout?.destroy();
  }

  /** What of its output looks like this, as soon as there is such a thing. */
  async printed(shape: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = shape.exec(this.#out);
      if (found !== null) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`Ended without ${shape}: ${this.#out}\n${this.#errors}`);
      }
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }
}

/** A command that runs, as a shell starts it. */
export class Command extends TestProcess {
  constructor(args: readonly string[], options: CommandOptions = {}) {
    super(process.execPath, [options.main ?? MAIN, ...args], options);
    this.child.stdin?.end(options.input ?? '');
  }
}

/** A command at a terminal of this size, made by `script` of util-linux. */
export class TerminalCommand extends TestProcess {
  constructor(args: readonly string[], options: CommandOptions & { rows?: number; columns?: number } = {}) {
    const { env = {}, rows = 30, columns = 120 } = options;
    const command = [process.execPath, MAIN, ...args].map((each) => `'${each}'`).join(' ');
    const atTerminal = { TERM: 'xterm-256color', SHELL: '/bin/sh', ...env };
    super('script', ['-qec', `stty rows ${rows} cols ${columns}; exec ${command}`, '/dev/null'], { env: atTerminal });
  }

  /** What a key sends: `\u0003` is Ctrl-C. */
  press(key: string): void {
    this.child.stdin?.write(key);
  }
}

/** Runs a command to its end. */
export function treadle(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return new Command(args, options).ended;
}
