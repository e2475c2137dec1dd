import { call } from './call.js';
import { OPERATOR } from './callers.js';
import { EventConnection, type Frame } from './event-connection.js';
import { sharedMs } from './shared-time.js';

/** What a reader does besides reading. */
export type Habit = 'steady' | 'breaks' | 'forgets' | 'slow' | 'stalls';

/** What a reader of all events that it may see has seen. */
export interface FeedReport {
  readonly as: string;
  readonly habit: Habit;
  /** Tasks of which the end came as an event, and when, by the clock that processes share. */
  readonly ended: ReadonlyMap<string, number>;
  /** Tasks that had ended in a list that it asked for after a `reset`. */
  readonly listed: ReadonlySet<string>;
  /** Tasks of which the end came more than once. */
  readonly twice: readonly string[];
  /** How often it left and came back. */
  readonly breaks: number;
  /** How often its connection was ended by the other side. */
  readonly dropped: number;
  readonly resets: number;
  readonly frames: number;
  readonly bytes: number;
  readonly wrong: readonly string[];
}

export interface FeedReaderOptions {
  readonly port: number;
  readonly as: string;
  readonly habit: Habit;
  readonly random: () => number;
  readonly onFrame?: (frame: Frame) => void;
}

/** Takes a piece, and then nothing for so long. Milliseconds. */
const PAUSES_MS: Record<Habit, number> = { steady: 0, breaks: 0, forgets: 0, slow: 1_000, stalls: 15_000 };
/** What the server says to wait. */
const RETRY_MS = 1_000;
/** Who forgets comes back as a reader of another server every so many times. */
const FORGETS_EVERY = 3;
/** Tasks that ended in the time may have been submitted so long before. Seconds. */
const BEFORE_S = 30;
const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** A reader of `GET /events`, that comes back whenever its connection breaks. */
export class FeedReader {
  /** It has begun. */
  readonly ready: Promise<void>;
  readonly #options: FeedReaderOptions;
  readonly #sinceS = Date.now() / 1_000 - BEFORE_S;
  readonly #ended = new Map<string, number>();
  readonly #listed = new Set<string>();
  readonly #twice: string[] = [];
  readonly #wrong: string[] = [];
  #connection: EventConnection;
  #begun: () => void = () => {};
  #awaited: readonly string[] | null = null;
  #caughtUp: () => void = () => {};
  #breaks = 0;
  #dropped = 0;
  #resets = 0;
  #frames = 0;
  #bytes = 0;

  constructor(options: FeedReaderOptions) {
    this.#options = options;
    this.ready = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.#connection = this.#connect(null);
    if (options.habit === 'breaks' || options.habit === 'forgets') this.#breakLater();
  }

  /** Reads as fast as it can until it has seen the ends of these. */
  catchUp(last: Readonly<Record<string, string>>): Promise<void> {
    const { as } = this.#options;
    this.#awaited = as === OPERATOR ? Object.values(last) : [last[as] as string];
    return new Promise((resolve) => {
      this.#caughtUp = resolve;
      this.#connection.goOn();
      this.#look();
    });
  }

  leave(): FeedReport {
    this.#connection.leave();
    this.#count();
    const { as, habit } = this.#options;
    return {
      as,
      habit,
      ended: this.#ended,
      listed: this.#listed,
      twice: this.#twice,
      breaks: this.#breaks,
      dropped: this.#dropped,
      resets: this.#resets,
      frames: this.#frames,
      bytes: this.#bytes,
      wrong: this.#wrong,
    };
  }

  #connect(lastEventId: string | null): EventConnection {
    const { port, as, habit } = this.#options;
    return new EventConnection(sharedMs, {
      port,
      as,
      path: '/events',
      lastEventId,
      onFrame: (frame) => this.#onFrame(frame),
      onOver: (how) => {
        this.#dropped++;
        if (how !== 'broken') this.#wrong.push(`A stream of events was over: ${how}`);
        this.#comeBack(this.#connection.lastEventId, RETRY_MS);
      },
      pauseMs: () => (this.#awaited === null ? PAUSES_MS[habit] : 0),
    });
  }

  #comeBack(lastEventId: string | null, afterMs: number): void {
    this.#count();
    setTimeout(() => {
      this.#connection = this.#connect(lastEventId);
    }, afterMs);
  }

  #count(): void {
    this.#frames += this.#connection.frames;
    this.#bytes += this.#connection.bytes;
  }

  #breakLater(): void {
    const { habit, random } = this.#options;
    const afterMs = 1_000 + 4_000 * random();
    setTimeout(() => {
      if (this.#awaited !== null) return;
      const forgets = habit === 'forgets' && this.#breaks % FORGETS_EVERY === 0;
      const { lastEventId } = this.#connection;
      this.#breaks++;
      this.#connection.leave();
      this.#comeBack(forgets ? 'elsewhere-1' : lastEventId, 1_000 * random());
      this.#breakLater();
    }, afterMs);
  }

  #onFrame(frame: Frame): void {
    const { name, data, atMs } = frame;
    this.#options.onFrame?.(frame);
    if (name === 'ready') this.#begun();
    else if (name === 'reset') void this.#reset();
    else if (ENDS.has(name)) {
      const { task_id: id } = JSON.parse(data) as { task_id: string };
      if (this.#ended.has(id)) this.#twice.push(id);
      else this.#ended.set(id, atMs);
      this.#look();
    }
  }

  async #reset(): Promise<void> {
    this.#resets++;
    try {
      await this.#list();
    } catch (error) {
      this.#wrong.push(String(error));
    }
    this.#look();
  }

  /** All tasks, from the newest to those that can't have ended in the time. */
  async #list(): Promise<void> {
    const { port, as } = this.#options;
    for (let cursor = ''; ;) {
      const { status, text } = await call(port, { method: 'GET', path: `/tasks?limit=200${cursor}`, as });
      if (status !== 200) throw new Error(`A list was refused: ${text}`);
      const page = JSON.parse(text) as { result: ListedTask[]; next_cursor: string | null };
      for (const { task_id: id, status: state } of page.result) if (ENDS.has(state)) this.#listed.add(id);
      const oldest = page.result.at(-1);
      if (page.next_cursor === null || oldest === undefined || oldest.created_at < this.#sinceS) return;
      cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }

  #look(): void {
    if (this.#awaited?.every((id) => this.#ended.has(id) || this.#listed.has(id)) === true) this.#caughtUp();
  }
}

interface ListedTask {
  readonly task_id: string;
  readonly status: string;
  readonly created_at: number;
}
