import type { TaskStatus } from '../engine/task-record.js';

/** What every call can say. */
export interface CallOptions {
  /** Gives the call up when aborted. */
  signal?: AbortSignal;
}

/** Whose tasks a call is about. */
export interface ScopedCallOptions extends CallOptions {
  /** Only operators may name another owner. @default all that the caller may see */
  owner?: string;
}

/** Which tasks `list` finds; all that are said must hold. */
export interface ClientFilter extends ScopedCallOptions {
  type?: string;
  status?: TaskStatus;
  resourceId?: string;
  group?: string;
  /** How many records a page has at most. Integer from 1 to 200. @default 50 */
  limit?: number;
  /** Where the last page ended: its `nextCursor`. */
  cursor?: string;
}

export interface ResultsOptions extends CallOptions {
  /** Whose group it is: only operators may name another owner. @default the caller's own */
  owner?: string;
  /** Forgets the results up to this `cursor` of an earlier page. */
  ack?: string;
  /** How many records at most. Integer from 1 to 200. @default 200 */
  limit?: number;
}

export interface RerunCallOptions extends CallOptions {
  /** Only what failed, or was skipped, of a batch. @default false */
  onlyFailedItems?: boolean;
}

export interface EventsOptions extends ScopedCallOptions {
  /** Only of tasks of this type. */
  type?: string;
  /** Only of tasks of this group. */
  group?: string;
  /** Goes on after this event, as far as it is kept. @default from now on */
  lastEventId?: string;
}
