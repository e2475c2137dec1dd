import type { WireErrorCode } from '../http/wire-answer.js';
import type { JsonValue } from '../http/wire-json.js';

/**
 * What went wrong: what the server says (`NOT_FOUND`, `CONFLICT` …), or
 * - `UNREACHABLE`: there was no answer, or it broke off;
 * - `BAD_ANSWER`: something else than the task API answered, a proxy for example;
 * - `TIMEOUT`: it took longer than `timeoutMs`;
 * - `ABORTED`: the caller's signal was aborted.
 */
export type TaskClientErrorCode = WireErrorCode | 'UNREACHABLE' | 'BAD_ANSWER' | 'TIMEOUT' | 'ABORTED';

/** The one error class of the client. Match on `code`; the message is for people. */
export class TaskClientError extends Error {
  override readonly name = 'TaskClientError';
  readonly code: TaskClientErrorCode;
  /** The status code of the answer; null where there was none. */
  readonly status: number | null;
  /** Facts for programs: `{ task_id }` of the task in the way for example. */
  readonly details: { readonly [key: string]: JsonValue };
  /** How long the server asks to wait before another try; null where it says nothing. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: TaskClientErrorCode,
    message: string,
    more: {
      status?: number | null;
      details?: TaskClientError['details'];
      retryAfterSeconds?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.status = more.status ?? null;
    this.details = more.details ?? {};
    this.retryAfterSeconds = more.retryAfterSeconds ?? null;
  }
}

/** ``Expected `timeoutMs` to be milliseconds > 0, got -2 (number)``. What is no number is only named by its type: it may be a key. */
export function invalidArgument(name: string, expectation: string, got: unknown): TaskClientError {
  const said = typeof got === 'number' ? `${got} (number)` : got === null ? 'null' : `a value of type ${typeof got}`;
  return new TaskClientError('INVALID_ARGUMENT', `Expected \`${name}\` to be ${expectation}, got ${said}`);
}

/** Refuses anything that is not an object with none but the known keys. @throws TaskClientError INVALID_ARGUMENT */
export function onlyKeys(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const expected = `Expected \`${name}\` to have only ${known.join(', ')}, got \`${key}\``;
    throw new TaskClientError('INVALID_ARGUMENT', expected);
  }
}
