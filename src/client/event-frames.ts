import { createParser } from 'eventsource-parser';
import type { ClientClock } from './client-clock.js';
import { TaskClientError } from './client-error.js';

/** One event as it stands in a stream. */
export interface EventFrame {
  readonly name: string;
  /** Where the stream goes on from after it; undefined for what is not told again. */
  readonly id: string | undefined;
  readonly data: string;
}

export interface FrameOptions {
  readonly clock: ClientClock;
  /** How long nothing may come. */
  readonly silenceMs: number;
  /** Breaks the connection off. */
  readonly abort: () => void;
  /** The server says how long to wait before coming back. Milliseconds. */
  readonly onRetryDelay: (ms: number) => void;
}

/** No event is nearly as large: results are kept up to 64 KiB. */
const MAX_FRAME_CHARACTERS = 16 * 2 ** 20;

/**
 * The events of a stream, until it ends. The next piece is read when these were taken: the server sees a slow reader.
 *
 * @throws TaskClientError BAD_ANSWER for a frame without end, UNREACHABLE where nothing came for too long; what reading
 *   throws.
 */
export async function* framesOf(body: ReadableStream<Uint8Array>, options: FrameOptions): AsyncGenerator<EventFrame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let frames: EventFrame[] = [];
  let tooLarge = false;
  const parser = createParser({
    onEvent: ({ event = 'message', id, data }) => void frames.push({ name: event, id, data }),
    onRetry: options.onRetryDelay,
    onError: ({ type }) => (tooLarge ||= type === 'max-buffer-size-exceeded'),
    maxBufferSize: MAX_FRAME_CHARACTERS,
  });
  try {
    for (;;) {
      const { done, value } = await readInTime(reader, options);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      const complete = frames;
      frames = [];
      yield* complete;
      if (tooLarge)
        throw new TaskClientError('BAD_ANSWER', `An event has more than ${MAX_FRAME_CHARACTERS} characters`);
    }
  } finally {
    // A `fetch` of the user's may answer without a connection, and then there is none to break off.
    reader.cancel().catch(() => {});
  }
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { clock, silenceMs, abort }: FrameOptions,
): ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']> {
  if (silenceMs === Infinity) return reader.read();
  let silent = false;
  const stop = clock.after(silenceMs, () => {
    silent = true;
    abort();
  });
  try {
    return await reader.read();
  } catch (error) {
    if (!silent) throw error;
    throw new TaskClientError('UNREACHABLE', `The event stream said nothing for ${silenceMs} ms`);
  } finally {
    stop();
  }
}
