import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { WireEvent, WireEventName } from '../../dist/http/wire-event.js';
import { onTestFinished } from 'vitest';
import type { ApiServer, Asker } from './live-server.js';

/** A reader of server-sent events over a real connection. */
export interface EventReader {
  readonly response: Response;
  /** What has come so far, in order. */
  readonly events: readonly WireEvent[];
  /** Comments that came: heartbeats. */
  readonly comments: () => number;
  /** To come back with; null where no event with an id came. */
  readonly lastEventId: () => string | null;
  /** Resolves with the first event, of those that came already or are to come, that is as wanted. Rejects where the stream ends before. */
  readonly until: (wanted: WireEventName | ((event: WireEvent) => boolean)) => Promise<WireEvent>;
  /** Resolves when so many comments came. */
  readonly untilComments: (count: number) => Promise<void>;
  /** Resolves when the stream has ended: 'ended' in order, or 'broken'. */
  readonly over: Promise<'ended' | 'broken'>;
  /** Goes away. */
  readonly leave: () => void;
}

/** Opens a stream of events, as ann unless told. It ends with the test. */
export async function readEvents(
  { request }: Pick<ApiServer, 'request'>,
  path: string,
  { as, lastEventId = null }: { as?: Asker; lastEventId?: string | null } = {},
): Promise<EventReader> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const response = await request(path, {
    ...(as === undefined ? {} : { as }),
    headers: lastEventId === null ? {} : { 'last-event-id': lastEventId },
    signal: leaving.signal,
  });
  const events: WireEvent[] = [];
  const waiting = new Set<() => void>();
  let last = lastEventId;
  let comments = 0;
  let done = false;
  const changed = (): void => {
    for (const look of waiting) look();
  };
  const read = async (): Promise<'ended' | 'broken'> => {
    try {
      const isStream = response.headers.get('content-type') === 'text/event-stream';
      if (!isStream || response.body === null) return 'ended';
      const parsed = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(
        new EventSourceParserStream({
          onComment: () => {
            comments++;
            changed();
          },
        }),
      );
      for await (const { event, id, data } of parsed) {
        last = id ?? last;
        events.push({ event, id: id ?? null, data: JSON.parse(data) } as WireEvent);
        changed();
      }
      return 'ended';
    } catch {
      return 'broken';
    } finally {
      done = true;
      changed();
    }
  };
  const over = read();
  const when = <Found>(find: () => Found | undefined): Promise<Found> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined && !done) return;
        waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`The stream ended after ${events.map(({ event }) => event).join(', ')}`));
      };
      waiting.add(look);
      look();
    });
  return {
    response,
    events,
    comments: () => comments,
    lastEventId: () => last,
    until: (wanted) =>
      when(() => events.find((event) => (typeof wanted === 'string' ? event.event === wanted : wanted(event)))),
    untilComments: async (count) => void (await when(() => (comments >= count ? true : undefined))),
    over,
    leave: () => leaving.abort(),
  };
}
