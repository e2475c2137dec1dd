import { type AnyTaskClient, TaskClientError, createTaskClient } from '../../client/index.js';
import { CommandError, EXIT } from '../command-error.js';
import type { Output } from '../print/output.js';

/** What every operating command may be told. */
export interface OperateOptions {
  readonly url: string;
  readonly key?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

// Clocks that differ by less are taken for the same: the server tells its own in whole seconds.
const CLOCK_TOLERANCE_MS = 2_000;

/** Someone at a terminal, and the server that they operate. */
export class Operator {
  readonly url: string;
  readonly json: boolean;
  readonly watches: boolean;
  readonly output: Output;
  readonly #client: AnyTaskClient;
  #aheadMs = 0;

  /** @throws CommandError for an address or a key that is none. */
  constructor({ url, key, json = false, watch = false }: OperateOptions, output: Output) {
    this.url = url;
    this.json = json;
    this.watches = watch;
    this.output = output;
    try {
      this.#client = createTaskClient({
        url,
        ...(key === undefined || key === '' ? {} : { key }),
        fetch: async (input, init) => this.#heardFrom(await fetch(input, init)),
        // For a minute or so: a server starts again within that.
        reconnect: { maxAttempts: 30, maxDelayMs: 5_000 },
      });
    } catch (error) {
      throw new CommandError((error as Error).message, EXIT.usage);
    }
  }

  /** Epoch seconds by the server's clock, so that ages are right where that of this machine is not. */
  get now(): number {
    return (Date.now() + this.#aheadMs) / 1_000;
  }

  /** What the server answers. @throws CommandError what it refuses with. */
  async ask<Answer>(call: (client: AnyTaskClient) => Promise<Answer>): Promise<Answer> {
    try {
      return await call(this.#client);
    } catch (error) {
      throw commandErrorOf(error);
    }
  }

  /** What the server goes on to tell. @throws CommandError what it refuses with. */
  async *listen<Told>(call: (client: AnyTaskClient) => AsyncIterable<Told>): AsyncGenerator<Told> {
    try {
      yield* call(this.#client);
    } catch (error) {
      throw commandErrorOf(error);
    }
  }

  #heardFrom(response: Response): Response {
    const aheadMs = Date.parse(response.headers.get('date') ?? '') - Date.now();
    // A proxy may leave the time out.
    if (!Number.isNaN(aheadMs)) this.#aheadMs = Math.abs(aheadMs) < CLOCK_TOLERANCE_MS ? 0 : aheadMs;
    return response;
  }
}

/** No answer came, or one that asks to come again: another try may help. */
export class NoAnswer extends CommandError {}

function commandErrorOf(error: unknown): unknown {
  if (!(error instanceof TaskClientError)) return error;
  const { code, message, status, details } = error;
  const text = code === 'UNREACHABLE' || code === 'TIMEOUT' ? message : `${code}: ${message}`;
  const inTheWay = details['task_id'];
  const said = typeof inTheWay === 'string' && !message.includes(inTheWay) ? `${text} (${inTheWay})` : text;
  if (code === 'UNAUTHENTICATED') return new CommandError(`${said} (--key or TREADLE_API_KEY)`);
  if (status === null && code === 'INVALID_ARGUMENT') return new CommandError(said, EXIT.usage);
  return status === null || status >= 500 || status === 429 ? new NoAnswer(said) : new CommandError(said);
}
