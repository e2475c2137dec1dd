import { onAbort, pause } from './client-clock.js';
import { TaskClientError } from './client-error.js';
import type { ResolvedClientOptions } from './client-options.js';
import type { Connection } from './connection.js';
import { type EventFrame, framesOf } from './event-frames.js';

/** Which stream, and from where on. */
export interface StreamRequest {
  readonly path: string;
  readonly query?: { readonly [name: string]: string | undefined };
  /** Whether it goes on after the last event that it had; otherwise it begins anew each time. */
  readonly resumes: boolean;
  /** What it goes on after at first. */
  readonly lastEventId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The first delay, until the server says another one. Milliseconds. */
const FIRST_DELAY_MS = 1_000;

/** No server keeps its readers away for longer, whatever its Retry-After. Milliseconds. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * The events of a stream that is connected anew whenever it breaks. Ends where the server says that it is over, and when
 * the signal is aborted.
 *
 * @throws TaskClientError what the server refuses it with, or why too many tries failed.
 */
export async function* eventsOf(
  connection: Connection,
  request: StreamRequest,
  options: ResolvedClientOptions,
): AsyncGenerator<EventFrame> {
  const { signal, resumes } = request;
  let { lastEventId } = request;
  let firstDelayMs = FIRST_DELAY_MS;
  let attempt = 0;
  const isUnwanted = (): boolean => signal?.aborted === true;
  while (!isUnwanted()) {
    const end = new AbortController();
    const abort = (): void => end.abort();
    const leave = onAbort(signal, abort);
    let error: TaskClientError;
    try {
      const headers = lastEventId === undefined || lastEventId === '' ? {} : { 'last-event-id': lastEventId };
      const body = await connection.stream(request.path, { query: request.query ?? {}, headers }, end);
      if (body === null) return;
      const frames = framesOf(body, {
        clock: options.clock,
        silenceMs: options.silenceMs,
        abort,
        onRetryDelay: (ms) => (firstDelayMs = ms),
      });
      for await (const frame of frames) {
        attempt = 0;
        if (resumes) lastEventId = frame.id ?? lastEventId;
        yield frame;
      }
      error = new TaskClientError('UNREACHABLE', 'The event stream ended');
    } catch (thrown) {
      error = brokenOff(thrown);
    } finally {
      leave();
      abort();
    }
    if (isUnwanted()) return;
    attempt++;
    if (!isPassing(error) || attempt > options.maxAttempts) throw error;
    const delayMs = delayOf(attempt, firstDelayMs, error, options);
    options.onRetry({ error, attempt, delayMs });
    await pause(options.clock, delayMs, signal);
  }
}

function brokenOff(thrown: unknown): TaskClientError {
  if (thrown instanceof TaskClientError) return thrown;
  return new TaskClientError('UNREACHABLE', 'The event stream broke off', { cause: thrown });
}

/** Whether it may go away by itself: the network, a server that is busy or just starts. */
function isPassing({ code, status }: TaskClientError): boolean {
  if (code === 'UNREACHABLE' || code === 'TIMEOUT') return true;
  return status !== null && (status >= 500 || status === 429 || status === 408);
}

/** Exponential with full jitter (AWS, "Exponential Backoff And Jitter"), after what the server asks to wait. */
function delayOf(
  attempt: number,
  firstDelayMs: number,
  { retryAfterSeconds }: TaskClientError,
  { random, maxDelayMs }: ResolvedClientOptions,
): number {
  const askedMs = Math.min(MAX_RETRY_AFTER_MS, (retryAfterSeconds ?? 0) * 1_000);
  return askedMs + random() * Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
}
