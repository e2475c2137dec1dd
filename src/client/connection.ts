import type { WireError } from '../http/wire-answer.js';
import type { JsonValue } from '../http/wire-json.js';
import { onAbort } from './client-clock.js';
import { TaskClientError, invalidArgument } from './client-error.js';
import type { ResolvedClientOptions } from './client-options.js';

/** What a request says besides its path. */
export interface RequestParts {
  readonly method?: 'GET' | 'POST';
  /** What is undefined is left out. */
  readonly query?: { readonly [name: string]: string | number | undefined };
  /** Goes as JSON. */
  readonly body?: unknown;
  readonly headers?: { readonly [name: string]: string };
  readonly signal?: AbortSignal | undefined;
}

const MAX_EXCERPT_CHARACTERS = 200;

/** Makes the requests of a client, and knows a good answer from others. */
export class Connection {
  readonly #options: ResolvedClientOptions;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
  }

  /** The answer's JSON: an envelope that says `ok`. @throws TaskClientError */
  async json<Answer>(path: string, parts: RequestParts = {}): Promise<Answer> {
    return this.#within(parts.signal, async (signal) => {
      const response = await this.#send(path, 'application/json', { ...parts, signal });
      return this.#envelopeOf(response, await response.text()) as Answer;
    });
  }

  /** The answer's text. @throws TaskClientError */
  async text(path: string, parts: RequestParts = {}): Promise<string> {
    return this.#within(parts.signal, async (signal) => {
      const response = await this.#send(path, 'text/plain', { ...parts, signal });
      const text = await response.text();
      if (!response.ok) this.#envelopeOf(response, text);
      return text;
    });
  }

  /**
   * The body of an event stream that has begun; null where the server says that it is over. It goes on until the caller
   * ends it by `end`. @throws TaskClientError
   */
  async stream(path: string, parts: RequestParts, end: AbortController): Promise<ReadableStream<Uint8Array> | null> {
    return this.#within(
      undefined,
      async (signal) => {
        const response = await this.#send(path, 'text/event-stream', { ...parts, signal });
        if (response.status === 204) return null;
        const isStream = /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '');
        if (response.ok && isStream && response.body !== null) return response.body as ReadableStream<Uint8Array>;
        this.#envelopeOf(response, await response.text());
        throw this.#badAnswer(response, 'an envelope in place of an event stream');
      },
      end,
    );
  }

  /** Ends what takes longer than `timeoutMs`, or is no longer wanted, and says which. */
  async #within<Answer>(
    asked: AbortSignal | undefined,
    send: (signal: AbortSignal) => Promise<Answer>,
    controller: AbortController = new AbortController(),
  ): Promise<Answer> {
    const { clock, timeoutMs } = this.#options;
    let timedOut = false;
    const leave = onAbort(asked, () => controller.abort());
    const stop =
      timeoutMs === Infinity
        ? () => {}
        : clock.after(timeoutMs, () => {
            timedOut = true;
            controller.abort();
          });
    try {
      return await send(controller.signal);
    } catch (error) {
      if (asked?.aborted === true) throw aborted(asked);
      if (timedOut) throw new TaskClientError('TIMEOUT', `${this.#server} did not answer within ${timeoutMs} ms`);
      if (error instanceof TaskClientError) throw error;
      const why = error instanceof Error ? whyOf(error) : 'it is not known why';
      throw new TaskClientError('UNREACHABLE', this.#hide(`${this.#server} can't be reached: ${why}`), {
        cause: error,
      });
    } finally {
      leave();
      stop();
    }
  }

  async #send(
    path: string,
    accept: string,
    { method = 'GET', query = {}, body, ...parts }: RequestParts,
  ): Promise<Response> {
    const { base, fetch } = this.#options;
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value));
    const headers = new Headers(this.#options.headers);
    headers.set('accept', accept);
    for (const [name, value] of Object.entries(parts.headers ?? {})) headers.set(name, value);
    const init: RequestInit = { method, headers, redirect: 'manual', signal: parts.signal ?? null };
    if (body !== undefined) {
      headers.set('content-type', 'application/json');
      init.body = jsonOf(body);
    }
    return fetch(`${base}${path}${asked.size === 0 ? '' : `?${asked.toString()}`}`, init);
  }

  /** @throws TaskClientError what the server refuses with, or BAD_ANSWER. */
  #envelopeOf(response: Response, text: string): object {
    const body = parsed(text);
    if (isObject(body)) {
      if (response.ok && body['status'] === 'ok' && 'result' in body) return body;
      const error = body['status'] === 'error' ? body['error'] : null;
      if (isWireError(error)) {
        throw new TaskClientError(error.code, this.#hide(error.message), {
          status: response.status,
          details: isObject(error.details) ? error.details : {},
          retryAfterSeconds: this.#retryAfterOf(response),
        });
      }
    }
    const excerpt = text
      .slice(0, 8 * MAX_EXCERPT_CHARACTERS)
      .replaceAll(/\s+/g, ' ')
      .trim();
    throw this.#badAnswer(response, excerpt === '' ? 'nothing' : excerpt);
  }

  #badAnswer(response: Response, got: string): TaskClientError {
    // Hidden first: half a secret is not known again.
    const excerpt = this.#hide(got).slice(0, MAX_EXCERPT_CHARACTERS);
    // In browsers a redirect has no status.
    const status = response.type === 'opaqueredirect' ? 'a redirect' : `status ${response.status}`;
    return new TaskClientError('BAD_ANSWER', `Expected an answer of the task API, got ${status}: ${excerpt}`, {
      status: response.status,
      retryAfterSeconds: this.#retryAfterOf(response),
    });
  }

  #retryAfterOf({ headers }: Response): number | null {
    const said = headers.get('retry-after');
    if (said === null) return null;
    const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - this.#options.clock.now()) / 1_000;
    return Number.isNaN(seconds) ? null : Math.max(0, seconds);
  }

  get #server(): string {
    return `The task API at ${this.#options.base}`;
  }

  #hide(text: string): string {
    return this.#options.secrets.reduce((said, secret) => said.replaceAll(secret, '[hidden]'), text);
  }
}

/** The error of a call that its caller gave up. */
export function aborted({ reason }: AbortSignal): TaskClientError {
  return new TaskClientError('ABORTED', 'The call was aborted', { cause: reason as unknown });
}

/** A part of a path, of any text. @throws TaskClientError INVALID_ARGUMENT where no path can have it. */
export function pathPart(name: string, value: string): string {
  // A path leaves out what is empty or made of dots alone, and would lead elsewhere.
  if (typeof value === 'string' && !/^\.{0,2}$/.test(value) && value.isWellFormed()) return encodeURIComponent(value);
  throw invalidArgument(name, 'text that a path can have', value);
}

function jsonOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it is not known why';
    throw new TaskClientError('INVALID_ARGUMENT', `Expected what is sent to be JSON: ${why}`, { cause: error });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWireError(value: unknown): value is WireError {
  return isObject(value) && typeof value['code'] === 'string' && typeof value['message'] === 'string';
}

/** `fetch` says only that it failed; Node tells why in the cause. */
function whyOf(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  // Of several addresses that were tried there are several errors, and no message.
  const { code } = cause as { code?: unknown };
  return cause.message === '' && typeof code === 'string' ? code : cause.message;
}
