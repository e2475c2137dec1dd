import type { EventEntry, EventLog } from './event-log.js';
import type { Opening } from './event-opening.js';
import { Piece } from './event-piece.js';
import { type EventFilter, type EventSubject, fits } from './event-subject.js';
import type { ProgressBoard } from './progress-board.js';

/** What a stream takes from. */
export interface StreamSource {
  readonly log: EventLog;
  readonly progress: ProgressBoard;
}

/** What was added to the log in one turn of the event loop, so far: no reader can have taken any of it. */
export interface Burst {
  bytes: number;
}

export interface StreamOptions {
  readonly filter: EventFilter;
  /** How far it may be behind: bytes of what was added while it had something to take, without what came all at once. */
  readonly maxBehindBytes: number;
  /** What to go on with where its place is not kept any more. */
  readonly reopen: () => Opening;
  /** Breaks the connection, so that a reader that takes nothing hears of its end; null where nobody knows how. */
  readonly breakConnection: (() => void) | null;
  /** It is over, for whatever reason; called once. */
  readonly onOver: () => void;
}

const HEARTBEAT = Buffer.from(':\n\n');

/**
 * One reader of events: a place in the log, from which it takes whenever its connection has room. So nobody waits for a
 * slow reader, and it takes no memory; one that is too far behind is dropped.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #source: StreamSource;
  readonly #options: StreamOptions;
  #opening: Buffer | null = null;
  #place = 0;
  /** It ends when it has come here. */
  #lastPlace = Infinity;
  /** What was added up to here came before it, or faster than anybody could have taken it: the reader is not to blame. */
  #excusedTo = 0;
  #behindBytes = 0;
  /** What came all at once and was not held against it last, and whether it has taken anything since. */
  #excusedBurst: Burst | null = null;
  #took = true;
  #progressSeen: number;
  /** Progress may be told up to this version. */
  #progressTurn = 0;
  #heartbeatDue = false;
  /** Set while it has taken everything. */
  #wake: (() => void) | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #over = false;

  constructor(source: StreamSource, opening: Opening, options: StreamOptions) {
    this.#source = source;
    this.#options = options;
    this.#progressSeen = source.progress.version;
    this.#open(opening);
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#end(),
      },
      // No queue of its own: it takes when the connection does.
      { highWaterMark: 0 },
    );
  }

  /**
   * An event was added to the log, so many bytes of them since the event loop turned. False where the reader was dropped
   * because it is too far behind.
   */
  onEntry({ n, subject, frame }: EventEntry, burst: Burst): boolean {
    const { maxBehindBytes } = this.#options;
    if (!this.#sees(subject)) {
      // Its place must not grow old by what is not for it.
      if (this.#place === n - 1) this.#place = n;
    } else if (this.#wake !== null) {
      this.#excusedTo = n;
      this.#wake();
    } else if (this.#behindBytes <= maxBehindBytes) {
      this.#behindBytes += frame.byteLength;
    } else if (burst.bytes > maxBehindBytes && (this.#took || burst === this.#excusedBurst)) {
      // The quickest reader would be as far behind; one that has taken nothing since the last one is not quick.
      this.#excusedTo = n;
      this.#behindBytes = 0;
      this.#excusedBurst = burst;
      this.#took = false;
    } else {
      this.drop();
      return false;
    }
    return true;
  }

  /** Progress up to this version may be told now; a reader that is behind has no use for it. */
  onProgressTurn(version: number): void {
    if (this.#wake === null) return;
    this.#progressTurn = version;
    this.#wake();
  }

  /** A reader that is behind hears enough. */
  onHeartbeat(): void {
    if (this.#wake === null) return;
    this.#heartbeatDue = true;
    this.#wake();
  }

  /** Ends as soon as the reader has taken what there is by now. */
  finish(): void {
    this.#lastPlace = Math.min(this.#lastPlace, this.#source.log.newest);
    this.#wake?.();
  }

  /** Ends at once. */
  drop(): void {
    if (this.#over) return;
    this.#end();
    const { breakConnection } = this.#options;
    // A server lets go of the body when the connection goes; it may report an error of the body as one of its own.
    if (breakConnection === null) this.#controller?.error(new Error('The reader of events is too slow'));
    else breakConnection();
  }

  async #pull(): Promise<void> {
    while (!this.#over) {
      const piece = this.#take();
      if (!piece.empty) return this.#controller?.enqueue(piece.bytes());
      if (this.#place >= this.#lastPlace) {
        this.#end();
        return this.#controller?.close();
      }
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#source.progress.askTurn(this.#progressSeen);
      await woken;
      this.#wake = null;
    }
  }

  /** What there is for the reader by now, or as much as it is given at a time. */
  #take(): Piece {
    const { log } = this.#source;
    const piece = new Piece();
    this.#took = true;
    if (this.#place < this.#lastPlace && this.#place + 1 < log.first) this.#open(this.#options.reopen());
    if (this.#opening !== null) piece.add(this.#opening);
    this.#opening = null;
    while (!piece.full && this.#place < Math.min(log.newest, this.#lastPlace)) {
      const entry = log.get(++this.#place);
      if (entry === undefined || !this.#sees(entry.subject)) continue;
      piece.add(entry.frame);
      if (entry.n > this.#excusedTo) this.#behindBytes -= entry.frame.byteLength;
      // The stream of one task ends with it.
      if (entry.terminal && this.#options.filter.taskId !== null) this.#lastPlace = entry.n;
    }
    if (this.#place === log.newest && this.#place < this.#lastPlace) this.#takeProgress(piece);
    if (this.#heartbeatDue && piece.empty) piece.add(HEARTBEAT);
    this.#heartbeatDue = false;
    return piece;
  }

  #takeProgress(piece: Piece): void {
    for (const { version, subject, frame } of this.#source.progress.news()) {
      if (version > this.#progressTurn) break;
      // The rest with the next piece.
      if (piece.full) return;
      if (version <= this.#progressSeen) continue;
      this.#progressSeen = version;
      if (this.#sees(subject)) piece.add(frame());
    }
    // Of a task that came to another state in between there is nothing left to tell.
    this.#progressSeen = Math.max(this.#progressSeen, this.#progressTurn);
  }

  #open({ frame, place, over }: Opening): void {
    this.#opening = frame;
    this.#place = place;
    if (over) this.#lastPlace = place;
    this.#excusedTo = this.#source.log.newest;
    this.#behindBytes = 0;
  }

  #sees(subject: EventSubject): boolean {
    return fits(subject, this.#options.filter);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wake?.();
    this.#options.onOver();
  }
}
