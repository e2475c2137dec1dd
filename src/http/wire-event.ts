import type { WireLog } from './wire-calls.js';
import type { WireRecord } from './wire-record.js';

/** A reader's place in the stream is lost: what it knows may be out of date, and has to be asked for again. */
export interface WireReset {
  /** `unknown`: the id is of no stream that is known, as after a restart. `expired`: what followed it is not kept any more. */
  readonly reason: 'unknown' | 'expired';
}

/** What each event carries as its data, by the name of the event. */
export interface WireEvents {
  /** A task was taken on, began, waits for its next try, was told to stop, or ended: it as it was then. */
  readonly submitted: WireRecord;
  readonly running: WireRecord;
  readonly retrying: WireRecord;
  readonly cancelling: WireRecord;
  readonly completed: WireRecord;
  readonly failed: WireRecord;
  readonly cancelled: WireRecord;
  /** A task got on. Has no id, and is not sent again to who comes back. */
  readonly progress: WireRecord;
  /** The stream of one task: it as it is now. What follows is newer. */
  readonly snapshot: WireRecord;
  readonly log: WireLog;
  /** The stream of one task goes on with a `snapshot`; for that of all, list them again. */
  readonly reset: WireReset;
  /** The stream of all tasks has begun: who lists them after this misses nothing. */
  readonly ready: Readonly<Record<string, never>>;
}

export type WireEventName = keyof WireEvents;

/** An event of a stream. `id` is what to come back with as `Last-Event-ID`; null where it does not move that on. */
export type WireEvent = {
  readonly [Name in WireEventName]: {
    readonly event: Name;
    readonly id: string | null;
    readonly data: WireEvents[Name];
  };
}[WireEventName];
