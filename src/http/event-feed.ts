import type { Ticker } from '../engine/clock.js';
import type { LogEvent } from '../engine/events.js';
import { type TaskRecord, isTerminal } from '../engine/task-record.js';
import type { AnyTaskManager } from './api-context.js';
import { type EventEntry, EventLog, frameOf } from './event-log.js';
import { type Opening, hasEnd, openingAt, openingOfAll, openingOfTask } from './event-opening.js';
import { type Burst, EventStream } from './event-stream.js';
import { type EventFilter, type EventSubject, subjectOf } from './event-subject.js';
import type { ResolvedApiOptions, StreamCounts } from './options.js';
import { Refusal } from './refusal.js';
import { ProgressBoard } from './progress-board.js';
import type { WireReset } from './wire-event.js';
import { seconds, toWire } from './wire-record.js';

/** Which events a reader asks for. */
export interface ReaderRequest {
  readonly filter: EventFilter;
  /** The id of the last event that it has seen; null where it is new. */
  readonly lastEventId: string | null;
  readonly breakConnection: (() => void) | null;
  /** Aborted when nobody is there any more, where that would not be told otherwise. */
  readonly gone?: AbortSignal;
  readonly onOver: () => void;
}

const TRANSITIONS = ['submitted', 'running', 'retrying', 'cancelling', 'completed', 'failed', 'cancelled'] as const;
/** When a reader should come back whose connection broke. */
const RETRY = Buffer.from('retry: 1000\n\n');
/** How long readers may take for what is left when the API closes. */
const CLOSING_MS = 1_000;

/**
 * What happens to the tasks of a manager, for readers over HTTP: events go to one log, from which each reader takes.
 *
 * There is a log from the first reader on, since nobody can come back to a place before that. It is let go of when
 * nobody reads and nobody who did could go on from its place any more: a manager without readers does no work for this.
 */
export class EventFeed implements StreamCounts {
  readonly #manager: AnyTaskManager;
  readonly #options: ResolvedApiOptions;
  readonly #streams = new Set<EventStream>();
  /** Of tasks that have not settled, since a line of a log does not say whose it is. */
  readonly #subjects = new Map<string, EventSubject>();
  readonly #progress: ProgressBoard;
  #heartbeat: Ticker | null = null;
  #log: EventLog | null = null;
  #unsubscribe: () => void = () => {};
  #unsubscribeProgress: () => void = () => {};
  /** The newest event when the last reader left. */
  #leftAt = 0;
  /** What was added since the event loop turned; null where nothing was. */
  #burst: Burst | null = null;
  #dropped = 0;
  #closed = false;

  constructor(manager: AnyTaskManager, options: ResolvedApiOptions) {
    this.#manager = manager;
    this.#options = options;
    this.#progress = new ProgressBoard(options.clock, options.events.progressEveryMs, (version) => {
      for (const stream of this.#streams) stream.onProgressTurn(version);
    });
  }

  /** Streams that are open. */
  get open(): number {
    return this.#streams.size;
  }

  /** Streams that ended because their reader was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Bytes that are kept for readers that come back. */
  get keptBytes(): number {
    return this.#log?.bytes ?? 0;
  }

  /**
   * The events of all tasks that fit the filter, or of one where it names one, which is given as it is now. Null where
   * the reader has seen the end of that.
   * @throws Refusal UNAVAILABLE
   */
  stream(request: ReaderRequest, task: TaskRecord | null): ReadableStream<Uint8Array> | null {
    if (this.#closed) throw new Refusal('UNAVAILABLE', 'The server is stopping', { retryAfterSeconds: 1 });
    const log = this.#begin();
    const { filter, lastEventId, breakConnection, gone, onOver } = request;
    const place = lastEventId === null ? null : log.placeOf(lastEventId);
    if (task !== null && typeof place === 'number' && isTerminal(task.status) && !hasEnd(log, place, task.id)) {
      return null;
    }
    const opening = this.#opening(log, place, task);
    const stream = new EventStream(
      { log, progress: this.#progress },
      { ...opening, frame: Buffer.concat([RETRY, opening.frame]) },
      {
        filter,
        maxBehindBytes: this.#options.events.maxBehindBytes,
        reopen: () => this.#reopening(log, filter),
        breakConnection,
        onOver: () => {
          this.#leave(stream);
          onOver();
        },
      },
    );
    gone?.addEventListener('abort', () => stream.drop(), { once: true });
    if (this.#streams.size === 0) this.#serve();
    this.#streams.add(stream);
    return stream.body;
  }

  /** Ends all streams when their readers have taken what there is, and soon in any case. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest();
    for (const stream of this.#streams) stream.finish();
    if (this.#streams.size === 0) return;
    this.#options.clock.after(CLOSING_MS, () => {
      for (const stream of this.#streams) stream.drop();
    });
  }

  #opening(log: EventLog, place: number | WireReset['reason'] | null, task: TaskRecord | null): Opening {
    if (typeof place === 'number') return openingAt(place);
    return task === null ? openingOfAll(log, place) : openingOfTask(log, place, task);
  }

  /** For a reader whose place is not kept any more. */
  #reopening(log: EventLog, { taskId, owner }: EventFilter): Opening {
    if (taskId === null) return openingOfAll(log, 'expired');
    const task = this.#manager.get(taskId, owner === null ? {} : { owner });
    if (task !== undefined) return openingOfTask(log, 'expired', task);
    // It has left the history meanwhile: who asks again is told so.
    return { frame: frameOf('reset', { reason: 'expired' }, null), place: log.newest, over: true };
  }

  #begin(): EventLog {
    if (this.#log !== null) return this.#log;
    const { replayBytes, maxBehindBytes } = this.#options.events;
    // A reader that may be so far behind must find there what it has not taken.
    this.#log = new EventLog(Math.max(replayBytes, maxBehindBytes));
    const onRecord = TRANSITIONS.map((name) => {
      const listener = (record: TaskRecord): void => this.#onRecord(name, record);
      this.#manager.on(name, listener);
      return () => void this.#manager.off(name, listener);
    });
    const onLog = (event: LogEvent): void => this.#onLog(event);
    this.#manager.on('log', onLog);
    this.#unsubscribe = () => {
      for (const off of onRecord) off();
      this.#manager.off('log', onLog);
    };
    return this.#log;
  }

  /** There is a first reader. */
  #serve(): void {
    const onProgress = (record: TaskRecord): void => this.#progress.put(record);
    this.#manager.on('progress', onProgress);
    this.#unsubscribeProgress = () => void this.#manager.off('progress', onProgress);
    this.#heartbeat = this.#options.clock.every(this.#options.events.heartbeatMs, () => {
      for (const stream of this.#streams) stream.onHeartbeat();
    });
    // Its readers' connections keep the process alive.
    this.#heartbeat.keepAlive(false);
  }

  #leave(stream: EventStream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#leftAt = this.#log?.newest ?? 0;
    this.#stopServing();
  }

  #stopServing(): void {
    this.#unsubscribeProgress();
    this.#heartbeat?.stop();
    this.#progress.clear();
  }

  /** Nobody reads, nor could anybody come back. */
  #rest(): void {
    this.#stopServing();
    this.#unsubscribe();
    this.#subjects.clear();
    this.#log = null;
  }

  #onRecord(name: (typeof TRANSITIONS)[number], record: TaskRecord): void {
    const subject = this.#subjects.get(record.id) ?? subjectOf(record);
    const terminal = isTerminal(record.status);
    if (terminal) this.#subjects.delete(record.id);
    else this.#subjects.set(record.id, subject);
    this.#progress.forget(record.id);
    this.#tell((log) => log.append(name, toWire(record), subject, terminal));
  }

  #onLog({ taskId, type, at, message }: LogEvent): void {
    const record = this.#subjects.has(taskId) ? undefined : this.#manager.get(taskId);
    const subject = record === undefined ? this.#subjects.get(taskId) : subjectOf(record);
    // Whose it is can't be found out any more.
    if (subject === undefined) return;
    if (record !== undefined && !isTerminal(record.status)) this.#subjects.set(taskId, subject);
    const line = { task_id: taskId, task_type: type, at: seconds(at), text: message };
    this.#tell((log) => log.append('log', line, subject, false));
  }

  #tell(append: (log: EventLog) => EventEntry): void {
    const log = this.#log;
    if (log === null) return;
    const entry = append(log);
    if (this.#burst === null) setImmediate(() => (this.#burst = null)).unref();
    const burst = (this.#burst ??= { bytes: 0 });
    burst.bytes += entry.frame.byteLength;
    for (const stream of this.#streams) if (!stream.onEntry(entry, burst)) this.#dropped++;
    if (this.#streams.size === 0 && log.first > this.#leftAt + 1) this.#rest();
  }
}
