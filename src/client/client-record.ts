import type { JsonValue } from '../http/wire-json.js';
import type { WireRecord } from '../http/wire-record.js';

/** A record of the wire with the fields that its status has. */
type Narrowed<Fields> = Omit<WireRecord, keyof Fields> & Readonly<Fields>;

interface NoResult {
  result: null;
  result_omitted: false;
}

interface NoError {
  error: null;
  error_code: null;
}

type Live = Narrowed<{ status: 'pending' | 'running' | 'cancelling'; completed_at: null } & NoResult & NoError>;

type Completed<Result> = Narrowed<{ status: 'completed'; started_at: number; completed_at: number } & Result & NoError>;

type Failed = Narrowed<{ status: 'failed'; completed_at: number; error: string; error_code: string } & NoResult>;

type Cancelled = Narrowed<{ status: 'cancelled'; completed_at: number } & NoResult & NoError>;

/**
 * A task that is over: `status` tells how. A result over 64 KiB, or one that JSON can't say, is left out; then
 * `result_omitted` is true and `result` null.
 */
export type ClientSettledRecord<Result = JsonValue> =
  | Completed<{ result: Result; result_omitted: false }>
  | Completed<{ result: null; result_omitted: true }>
  | Failed
  | Cancelled;

/** A task as the server tells of it: a {@link WireRecord} of which `status` tells more. */
export type ClientRecord<Result = JsonValue> = Live | ClientSettledRecord<Result>;

export function isSettled<Result>(record: ClientRecord<Result>): record is ClientSettledRecord<Result> {
  return record.status === 'completed' || record.status === 'failed' || record.status === 'cancelled';
}
