import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';

/** What a process answers: a function for each question, with one argument or none. */
export type Answers = { readonly [question: string]: (argument: never) => unknown };

/** A question on its way, and what comes back. */
export interface Asked {
  readonly id: number;
  readonly question: string;
  readonly argument: unknown;
}
export type Answered = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

type Questions<Known> = { readonly [Name in keyof Known]: (argument: never) => unknown };
type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

const BEFORE_OTHERS = -10;

/** A process of its own that answers questions: see `answerQuestions`, which it calls. It ends with its disposal. */
export class AskedProcess<Known extends Questions<Known>> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor(script: URL) {
    this.#child = fork(script, { serialization: 'advanced' });
    this.#child.on('message', (answer: Answered) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('value' in answer) waiting?.resolve(answer.value);
      else waiting?.reject(new Error(answer.error));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script.pathname} has ended`));
    });
  }

  /** Puts it before others where that is allowed; gives its nice value. */
  raise(): number {
    try {
      setPriority(this.#child.pid as number, BEFORE_OTHERS);
      return BEFORE_OTHERS;
    } catch {
      return 0;
    }
  }

  /** Rejects with what the process throws, and when it has ended. */
  ask<Name extends keyof Known & string>(
    question: Name,
    ...[argument]: Parameters<Known[Name]>
  ): Promise<Awaited<ReturnType<Known[Name]>>> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#child.send({ id, question, argument } satisfies Asked, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exited;
  }
}
