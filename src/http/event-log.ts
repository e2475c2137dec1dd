import { nanoid } from 'nanoid';
import type { EventSubject } from './event-subject.js';
import type { WireEventName, WireEvents, WireReset } from './wire-event.js';

/** An event that readers who come back get again. */
export interface EventEntry {
  /** Its place: rises by one from event to event. */
  readonly n: number;
  readonly subject: EventSubject;
  /** Whether it is the last word on its task. */
  readonly terminal: boolean;
  /** As it goes over the wire, made once for all readers. */
  readonly frame: Buffer;
}

/** The newest events, in order: as many as there is room for, and at least one. */
export class EventLog {
  // Ids of another log, as of a server before its restart, must not be taken for places in this one.
  readonly #epoch = nanoid(12);
  readonly #entries = new Map<number, EventEntry>();
  readonly #maxBytes: number;
  #bytes = 0;
  #first = 1;
  #newest = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The place of the oldest event that is kept, or of the next one where there is none. */
  get first(): number {
    return this.#first;
  }

  /** The place of the newest event; 0 before there is one. */
  get newest(): number {
    return this.#newest;
  }

  /** What the frames that are kept take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The id of the newest event: who comes back with it gets what was added since. */
  get newestId(): string {
    return this.#idOf(this.#newest);
  }

  append<Name extends WireEventName>(
    name: Name,
    data: WireEvents[Name],
    subject: EventSubject,
    terminal: boolean,
  ): EventEntry {
    const n = this.#newest + 1;
    const entry: EventEntry = { n, subject, terminal, frame: frameOf(name, data, this.#idOf(n)) };
    this.#newest = n;
    this.#entries.set(n, entry);
    this.#bytes += entry.frame.byteLength;
    while (this.#bytes > this.#maxBytes && this.#first < n) {
      this.#bytes -= this.#entries.get(this.#first)?.frame.byteLength ?? 0;
      this.#entries.delete(this.#first++);
    }
    return entry;
  }

  get(n: number): EventEntry | undefined {
    return this.#entries.get(n);
  }

  /** The place that a reader with this id has come to, or why it can't go on from there. */
  placeOf(id: string): number | WireReset['reason'] {
    const [, epoch, digits] = /^(.+)-(0|[1-9]\d{0,15})$/.exec(id) ?? [];
    const n = Number(digits);
    if (epoch !== this.#epoch || n > this.#newest) return 'unknown';
    return n + 1 < this.#first ? 'expired' : n;
  }

  #idOf(n: number): string {
    return `${this.#epoch}-${n}`;
  }
}

/** An event as it goes over the wire, in memory of its own. JSON has no line breaks, so that the data is one line. */
export function frameOf<Name extends WireEventName>(name: Name, data: WireEvents[Name], id: string | null): Buffer {
  const place = id === null ? '' : `id: ${id}\n`;
  const text = `${place}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  // Not `Buffer.from`, which would put it into 8 KiB shared with the copies for readers: all of that would be kept with it.
  const frame = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  frame.write(text);
  return frame;
}
