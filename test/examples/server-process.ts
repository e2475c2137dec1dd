import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** How a process ended, and what it wrote to its error output. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

/** A task as the example servers answer it. */
export interface ServedTask {
  readonly status: string;
  readonly progress: { readonly itemsDone: number; readonly itemsTotal: number | null };
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** An answer of a server: its status, its headers, its body as JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects it to be is what it checks
  readonly body: any;
}

/** An example's server in a process of its own, ended with the test. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<Ended>;
  #errors = '';
  #onChange: () => void = () => {};
  #url = '';

  /** @param script relative to the repository */
  constructor(script: string, env: Readonly<Record<string, string>>) {
    const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
    const child = spawn(process.execPath, [path], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (this.#errors += part));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#onChange();
    });
    // Not before all that share its output are gone.
    this.#ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      this.#onChange();
      return { code, signal, errors: this.#errors } as Ended;
    });
    this.#child = child;
  }

  /** A server that listens. */
  static async start(script: string, env: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const server = new ServerProcess(script, env);
    const line = await server.line(/^Listening on (http:\S+)$/);
    server.#url = line.split(' ').at(-1) ?? '';
    return server;
  }

  get url(): string {
    return this.#url;
  }

  get ended(): Promise<Ended> {
    return this.#ended;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first line of its output that looks like this, as soon as there is one. */
  async line(shape: RegExp): Promise<string> {
    for (;;) {
      const line = this.#lines.find((each) => shape.test(each));
      if (line !== undefined) return line;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`Ended without a line like ${shape}: ${this.#lines.join('\n')}\n${this.#errors}`);
      }
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return answerOf(await fetch(this.#url + path, { headers }));
  }

  /** @param body an object is sent as JSON, a string as it is. */
  async post(path: string, body: object | string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return answerOf(
      await fetch(this.#url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    );
  }

  /** The task at this path once it has settled; asks again and again until the test's time is over. */
  async settled(path: string): Promise<ServedTask> {
    for (;;) {
      const { status, body } = await this.get(path);
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
      const task = body as ServedTask;
      if (['completed', 'failed', 'cancelled'].includes(task.status)) return task;
    }
  }
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: await response.json() };
}
