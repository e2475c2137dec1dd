import { TreadleError, type TreadleErrorCode } from '../engine/errors.js';
import { redact } from '../engine/redact.js';
import { boundText } from '../engine/task-record.js';
import { HTTP_STATUS, type WireErrorCode, type WireRefusal } from './wire-answer.js';
import { type JsonValue, toJson } from './wire-json.js';

/** A request that is refused: what the answer says. */
export class Refusal extends Error {
  readonly code: WireErrorCode;
  readonly status: number;
  readonly details: { readonly [key: string]: JsonValue };
  readonly retryAfterSeconds: number | null;
  /** The methods that the path has, where the request had another. */
  readonly allow: string | null;

  /** `status` is the code's own where it is left out. */
  constructor(
    code: WireErrorCode,
    message: string,
    more: {
      status?: number;
      details?: Refusal['details'];
      retryAfterSeconds?: number;
      allow?: string;
      cause?: unknown;
    } = {},
  ) {
    super(message, 'cause' in more ? { cause: more.cause } : undefined);
    this.code = code;
    this.status = more.status ?? HTTP_STATUS[code];
    this.details = more.details ?? {};
    this.retryAfterSeconds = more.retryAfterSeconds ?? null;
    this.allow = more.allow ?? null;
  }

  response(): Response {
    const body: WireRefusal = {
      status: 'error',
      error: { code: this.code, message: redact(this.message), details: this.details },
    };
    const response = Response.json(body, { status: this.status });
    if (this.retryAfterSeconds !== null) response.headers.set('retry-after', String(this.retryAfterSeconds));
    if (this.allow !== null) response.headers.set('allow', this.allow);
    // What is left of a body is not read, so the connection can't be used again; and kept ones would keep a server that stops.
    if (this.status === 413 || this.code === 'UNAVAILABLE') response.headers.set('connection', 'close');
    if (this.status === 401) response.headers.set('www-authenticate', 'Bearer');
    return response;
  }
}

/** What the engine says, as HTTP says it. Those that only tasks end with are of no request. */
const CODES: { readonly [Code in TreadleErrorCode]?: WireErrorCode } = {
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  UNKNOWN_TASK_TYPE: 'INVALID_ARGUMENT',
  UNSERIALIZABLE: 'INVALID_ARGUMENT',
  DUPLICATE_TASK: 'CONFLICT',
  NOT_RERUNNABLE: 'FAILED_PRECONDITION',
  QUEUE_FULL: 'RESOURCE_EXHAUSTED',
  CLOSED: 'UNAVAILABLE',
};

const RETRY_AFTER_SECONDS = 1;

/** The refusal that an error of the engine stands for; null where it is no word to who asked. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (!(error instanceof TreadleError)) return null;
  const code = CODES[error.code];
  if (code === undefined) return null;
  const facts = Object.entries(toJson(error.details ?? {}) as Refusal['details']);
  const details: { [key: string]: JsonValue } = Object.fromEntries(
    facts.map(([key, value]) => [snakeCase(key), value]),
  );
  if (error.taskId !== null) details['task_id'] = error.taskId;
  const busy = code === 'RESOURCE_EXHAUSTED' || code === 'UNAVAILABLE';
  return new Refusal(code, boundText(error.message), {
    details,
    ...(busy ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}),
  });
}

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** There is no such task, or it is another owner's: the two can't be told apart. */
export function taskNotFound(id: string): Refusal {
  return new Refusal('NOT_FOUND', 'Task not found or expired', { details: { resource: id, type: 'task' } });
}

export function invalid(message: string, details: Refusal['details'] = {}): Refusal {
  return new Refusal('INVALID_ARGUMENT', message, { details });
}

export function wrongMethod(methods: readonly string[]): Refusal {
  const allow = methods.join(', ');
  return new Refusal('INVALID_ARGUMENT', `Expected one of the methods ${allow}`, { status: 405, allow });
}
