import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TaskStatus } from 'treadle';
import { expect, onTestFinished } from 'vitest';
import type { KillOrder, Place } from '../tasks/killed-task.js';

/** The end of a process that ran a task. */
export interface Ending {
  /** Where the task got to, and when: milliseconds since the order. */
  readonly places: readonly { readonly place: Place; readonly atMs: number }[];
  /** Null when it was killed before. */
  readonly settled: {
    readonly status: TaskStatus;
    readonly result: unknown;
    readonly error: unknown;
    readonly ms: number;
  } | null;
}

/** What process to start. */
export interface VictimOptions {
  /** Of the store. */
  readonly path: string;
  readonly type: KillOrder['type'];
  readonly threads: number;
  /** Whether its threads boot at once, or when the task is to run. */
  readonly boot: 'warm' | 'cold';
}

/** A process that waits for a task to run, and may be killed in it. */
export class Victim {
  /** True once the process is gone. */
  ended = false;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: string[] = [];
  #complaints = '';

  constructor({ path, type, threads, boot }: VictimOptions) {
    const script = fileURLToPath(new URL('../dist/killed-task.js', import.meta.url));
    this.#child = spawn(process.execPath, [script, path, type, String(threads), boot], { stdio: 'pipe' });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
    this.#child.stderr?.on('data', (data: Buffer) => (this.#complaints += data.toString()));
    if (this.#child.stdout !== null) createInterface(this.#child.stdout).on('line', (line) => this.#lines.push(line));
    this.#child.once('exit', () => (this.ended = true));
    this.#closed = once(this.#child, 'close');
  }

  async run(order: KillOrder): Promise<Ending> {
    this.#child.stdin?.end(`${JSON.stringify(order)}\n`);
    await this.#closed;
    const { exitCode, signalCode } = this.#child;
    const said = (word: string): string[] =>
      this.#lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1));
    const [settled] = said('settled');
    expect([signalCode ?? exitCode, this.#complaints]).toEqual([settled === undefined ? 'SIGKILL' : 0, '']);
    return {
      places: said('at').map((line) => {
        const [place, atMs] = line.split(' ');
        return { place: place as Place, atMs: Number(atMs) };
      }),
      settled: settled === undefined ? null : (JSON.parse(settled) as Ending['settled']),
    };
  }
}
