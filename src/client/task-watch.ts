import { type ClientRecord, type ClientSettledRecord, isSettled } from './client-record.js';
import { onAbort } from './client-clock.js';
import { TaskClientError } from './client-error.js';
import { type ResolvedClientOptions, checkDuration } from './client-options.js';
import { type Connection, aborted, pathPart } from './connection.js';
import { eventsOf } from './event-stream.js';
import { eventOf } from './known-events.js';

export interface WatchOptions {
  /** Ends it when aborted. */
  signal?: AbortSignal;
}

export interface WaitOptions extends WatchOptions {
  /** How long to wait at most. Milliseconds > 0. @default Infinity */
  timeoutMs?: number;
}

/**
 * The task as it goes. Each connection begins with the record as it is by then, a settled one too: so nothing has to be
 * told again that was missed, and the last record is not lost with a connection.
 */
export async function* watchTask<Result>(
  connection: Connection,
  id: string,
  { signal }: WatchOptions,
  options: ResolvedClientOptions,
): AsyncGenerator<ClientRecord<Result>, void, undefined> {
  const path = `/tasks/${pathPart('id', id)}/events`;
  let told: string | null = null;
  for await (const frame of eventsOf(connection, { path, resumes: false, signal }, options)) {
    // The first record of another connection is mostly the one that was told last.
    if (frame.data === told) continue;
    const event = eventOf(frame);
    if (event === null || event.event === 'log' || event.event === 'reset' || event.event === 'ready') continue;
    told = frame.data;
    const record = event.data as ClientRecord<Result>;
    yield record;
    if (isSettled(record)) return;
  }
  if (signal?.aborted !== true) {
    throw new TaskClientError('BAD_ANSWER', 'Expected the events of a task to end with its end', { status: 204 });
  }
}

/** The record of the task once it is over. */
export async function waitForTask<Result>(
  connection: Connection,
  id: string,
  { signal, timeoutMs }: WaitOptions,
  options: ResolvedClientOptions,
): Promise<ClientSettledRecord<Result>> {
  const limitMs = checkDuration('timeoutMs', timeoutMs, Infinity);
  const over = new AbortController();
  const leave = onAbort(signal, () => over.abort());
  const stop = limitMs === Infinity ? () => {} : options.clock.after(limitMs, () => over.abort());
  try {
    for await (const record of watchTask<Result>(connection, id, { signal: over.signal }, options)) {
      if (isSettled(record)) return record;
    }
  } finally {
    leave();
    stop();
  }
  if (signal?.aborted === true) throw aborted(signal);
  throw new TaskClientError('TIMEOUT', `Task ${id} did not settle within ${limitMs} ms`);
}
