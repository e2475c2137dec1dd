import { EventConnection } from './event-connection.js';
import { sharedMs } from './shared-time.js';

/** What readers of single tasks have seen. */
export interface TaskReport {
  /** Tasks that were followed to their end. */
  readonly followed: number;
  readonly breaks: number;
  readonly resets: number;
  readonly wrong: readonly string[];
}

export interface TaskReaderOptions {
  readonly port: number;
  readonly as: string;
  readonly breaks: boolean;
  readonly random: () => number;
  /** A task of the owner's that is in progress, if there is one. */
  readonly pick: () => string | undefined;
}

const LOOK_AGAIN_MS = 100;
const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** Follows one task after another, each by `GET /tasks/<id>/events` to its end. */
export class TaskReader {
  /** It follows a first task. */
  readonly ready: Promise<void>;
  readonly #options: TaskReaderOptions;
  readonly #wrong: string[] = [];
  #begun: () => void = () => {};
  #connection: EventConnection | null = null;
  /** How often the end of the present task came. */
  #ends = 0;
  #followed = 0;
  #breaks = 0;
  #resets = 0;
  #left = false;

  constructor(options: TaskReaderOptions) {
    this.#options = options;
    this.ready = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.#next();
  }

  leave(): TaskReport {
    this.#left = true;
    this.#connection?.leave();
    return { followed: this.#followed, breaks: this.#breaks, resets: this.#resets, wrong: this.#wrong };
  }

  #next(): void {
    if (this.#left) return;
    const id = this.#options.pick();
    if (id === undefined) {
      setTimeout(() => this.#next(), LOOK_AGAIN_MS);
      return;
    }
    this.#ends = 0;
    this.#follow(id, null);
  }

  #follow(id: string, lastEventId: string | null): void {
    if (this.#left) return;
    const { port, as, breaks, random } = this.#options;
    const connection = new EventConnection(sharedMs, {
      port,
      as,
      path: `/tasks/${id}/events`,
      lastEventId,
      onFrame: ({ name, data }) => {
        if (name === 'reset') {
          this.#resets++;
          // It is told how the task is now, whatever it had seen.
          this.#ends = 0;
        }
        const { task_id: about, status = '' } = JSON.parse(data) as { task_id?: string; status?: string };
        if (name === 'snapshot') this.#begun();
        if (ENDS.has(name) || (name === 'snapshot' && ENDS.has(status))) this.#ends++;
        if (about !== undefined && about !== id) this.#wrong.push(`The stream of ${id} told of ${about}`);
      },
      onOver: (how) => {
        clearTimeout(leaving);
        this.#followed++;
        if (how !== 'ended' && how !== 'no content') this.#wrong.push(`The stream of ${id} was over: ${how}`);
        else if (this.#ends !== 1) this.#wrong.push(`The stream of ${id} told of its end ${this.#ends} times`);
        this.#next();
      },
      pauseMs: () => 0,
    });
    this.#connection = connection;
    const leaving = breaks ? setTimeout(() => this.#break(id, connection), 500 + 2_000 * random()) : undefined;
  }

  #break(id: string, connection: EventConnection): void {
    this.#breaks++;
    connection.leave();
    setTimeout(() => this.#follow(id, connection.lastEventId), 1_000 * this.#options.random());
  }
}
