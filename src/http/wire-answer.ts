import type { JsonValue } from './wire-json.js';

/** What an answer over HTTP says when it is a refusal, with the status code that goes with it. */
export const HTTP_STATUS = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  FAILED_PRECONDITION: 412,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const;

export type WireErrorCode = keyof typeof HTTP_STATUS;

/** All of them. */
export const WIRE_ERROR_CODES: readonly WireErrorCode[] = Object.keys(HTTP_STATUS) as WireErrorCode[];

/** A refusal over HTTP. */
export interface WireError {
  readonly code: WireErrorCode;
  readonly message: string;
  /** Facts for programs, `{ task_id }` of the task in the way for example. */
  readonly details: { readonly [key: string]: JsonValue };
}

/** An answer that succeeded. Lists have a `next_cursor` or `cursor` beside the result. */
export interface WireOk<Result> {
  readonly status: 'ok';
  readonly result: Result;
}

/** An answer that did not. */
export interface WireRefusal {
  readonly status: 'error';
  readonly error: WireError;
}
