import type { AnyTaskType } from '../engine/task-manager.js';
import type { TaskType } from '../engine/task-type.js';
import type { WireAccepted, WireStats, WireThread } from '../http/wire-calls.js';
import type { WireOk } from '../http/wire-answer.js';
import type { WireEvent } from '../http/wire-event.js';
import type { JsonValue } from '../http/wire-json.js';
import type {
  CallOptions,
  ClientFilter,
  EventsOptions,
  RerunCallOptions,
  ResultsOptions,
  ScopedCallOptions,
} from './call-options.js';
import { onlyKeys } from './client-error.js';
import { type ResolvedClientOptions, type TaskClientOptions, resolveClientOptions } from './client-options.js';
import type { ClientRecord, ClientSettledRecord } from './client-record.js';
import { ClientTask } from './client-task.js';
import { Connection, pathPart } from './connection.js';
import { eventsOf } from './event-stream.js';
import { eventOf } from './known-events.js';
import { type ClientResult, type ClientSubmitArguments, type ClientSubmitPolicy, bodyOf } from './submit-options.js';
import { type WaitOptions, type WatchOptions, waitForTask, watchTask } from './task-watch.js';

/** A filter that is not understood would find everything. */
const FILTER_KEYS = [
  'type',
  'status',
  'resourceId',
  'group',
  'owner',
  'limit',
  'cursor',
  'signal',
] as const satisfies readonly (keyof ClientFilter)[];

/** A page of a list. */
export interface ClientPage {
  /** Newest first. */
  readonly records: readonly ClientRecord[];
  /** For the next page; null when this was the last. */
  readonly nextCursor: string | null;
}

/** Settled tasks of a group that were not acknowledged yet. */
export interface ClientGroupPage {
  /** Oldest first. They stay until a later call gives `cursor` as `ack`. */
  readonly records: readonly ClientSettledRecord[];
  /** Null where there are none. */
  readonly cursor: string | null;
  /** How many tasks of the group have not settled. */
  readonly inProgress: number;
}

/** A client that knows no more of its task types than their names. */
export type AnyTaskClient = TaskClient<Record<string, TaskType>>;

/**
 * A client of the task API, in Node and in browsers. With the map of task types that the server has, submissions and
 * results have their types; nothing of the server is loaded for that.
 *
 * @example
 * import type { types } from './server.js';
 * const client = createTaskClient<typeof types>({ url: 'http://127.0.0.1:3000', key });
 * const task = await client.submit('digest', { items: texts });
 * const { status, result } = await task.wait();
 *
 * @throws TaskClientError INVALID_ARGUMENT for options that are none.
 */
export function createTaskClient<
  Types extends { readonly [Name in keyof Types]: AnyTaskType } = Record<string, TaskType>,
>(options: TaskClientOptions): TaskClient<Types> {
  return new TaskClient<Types>(resolveClientOptions(options));
}

/**
 * What {@link createTaskClient} returns. Every call may fail with a {@link TaskClientError}: UNREACHABLE, BAD_ANSWER,
 * TIMEOUT, ABORTED, UNAUTHENTICATED, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, INTERNAL, and what it says itself.
 */
export class TaskClient<Types extends { readonly [Name in keyof Types]: AnyTaskType }> {
  readonly #options: ResolvedClientOptions;
  readonly #connection: Connection;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
    this.#connection = new Connection(options);
  }

  /**
   * Has a task taken on. The call is made once: whether a task was taken on is not known when it is UNREACHABLE.
   * @throws TaskClientError CONFLICT (a duplicate: `details.task_id` is in the way), RESOURCE_EXHAUSTED (the queue is full),
   *   PERMISSION_DENIED (the type may not be submitted).
   */
  async submit<Name extends keyof Types & string>(
    type: Name,
    ...args: ClientSubmitArguments<Types[Name]>
  ): Promise<ClientTask<ClientResult<Types[Name]>>> {
    const options: ClientSubmitPolicy = args[0] === undefined ? {} : args[0];
    return this.#accepted('/tasks', bodyOf(type, options), options.signal);
  }

  /** A task by its id. Asks the server nothing. */
  task<Result = JsonValue>(id: string): ClientTask<Result> {
    return new ClientTask<Result>(this as unknown as AnyTaskClient, id);
  }

  /** The task as it is now. @throws TaskClientError NOT_FOUND */
  async get<Result = JsonValue>(id: string, { signal }: CallOptions = {}): Promise<ClientRecord<Result>> {
    return this.#result(`/tasks/${pathPart('id', id)}`, { signal });
  }

  /** A page of the tasks that the filter finds, newest first. */
  async list(filter: ClientFilter = {}): Promise<ClientPage> {
    onlyKeys('filter', filter, FILTER_KEYS);
    const { type, status, resourceId, group, owner, limit, cursor, signal } = filter;
    const query = { task_type: type, status, resource_id: resourceId, group, owner, limit, cursor };
    const { result, next_cursor: nextCursor } = await this.#connection.json<
      WireOk<ClientRecord[]> & { next_cursor: string | null }
    >('/tasks', { query, signal });
    return { records: result, nextCursor };
  }

  /** All tasks that the filter finds, newest first, page after page. */
  async *listAll(filter: ClientFilter = {}): AsyncGenerator<ClientRecord, void, undefined> {
    let page = await this.list(filter);
    yield* page.records;
    while (page.nextCursor !== null) {
      page = await this.list({ ...filter, cursor: page.nextCursor });
      yield* page.records;
    }
  }

  /** Asks a task to stop; cancelling it twice changes nothing. @throws TaskClientError NOT_FOUND, FAILED_PRECONDITION (it settled otherwise) */
  async cancel<Result = JsonValue>(id: string, { signal }: CallOptions = {}): Promise<ClientRecord<Result>> {
    return this.#result(`/tasks/${pathPart('id', id)}/cancel`, { method: 'POST', signal });
  }

  /** Runs a task again as a new one, which is returned. @throws TaskClientError NOT_FOUND, FAILED_PRECONDITION (its input was not kept), CONFLICT */
  async rerun<Result = JsonValue>(id: string, options: RerunCallOptions = {}): Promise<ClientTask<Result>> {
    const body = { only_failed_items: options.onlyFailedItems };
    return this.#accepted(`/tasks/${pathPart('id', id)}/rerun`, body, options.signal);
  }

  /** The task as it goes: see {@link ClientTask.watch}. */
  watch<Result = JsonValue>(
    id: string,
    options: WatchOptions = {},
  ): AsyncGenerator<ClientRecord<Result>, void, undefined> {
    return watchTask(this.#connection, id, options, this.#options);
  }

  /** The record of a task once it is over: see {@link ClientTask.wait}. */
  wait<Result = JsonValue>(id: string, options: WaitOptions = {}): Promise<ClientSettledRecord<Result>> {
    return waitForTask(this.#connection, id, options, this.#options);
  }

  /**
   * What happens to all tasks that the caller may see. The first event is `ready`: who lists the tasks after it misses
   * nothing. After a `reset` they have to be listed again. The connection comes back by itself and goes on where it
   * broke; leaving the loop closes it, and aborting the signal ends the loop.
   */
  async *events(options: EventsOptions = {}): AsyncGenerator<WireEvent, void, undefined> {
    onlyKeys('events options', options, ['type', 'group', 'owner', 'lastEventId', 'signal']);
    const { type, group, owner, lastEventId, signal } = options;
    const query = { task_type: type, group, owner };
    const request = { path: '/events', query, resumes: true, lastEventId, signal };
    for await (const frame of eventsOf(this.#connection, request, this.#options)) {
      const event = eventOf(frame);
      if (event !== null) yield event;
    }
  }

  /** Counts of tasks, in all and by type. */
  async stats(options: ScopedCallOptions = {}): Promise<WireStats> {
    onlyKeys('stats options', options, ['owner', 'signal']);
    const { owner, signal } = options;
    return this.#result('/tasks/stats', { query: { owner }, signal });
  }

  /** What each thread works on. */
  async threads(options: ScopedCallOptions = {}): Promise<readonly WireThread[]> {
    onlyKeys('threads options', options, ['owner', 'signal']);
    const { owner, signal } = options;
    return this.#result('/threads', { query: { owner }, signal });
  }

  /** Settled tasks of a group, until they are acknowledged. */
  async results(group: string, options: ResultsOptions = {}): Promise<ClientGroupPage> {
    onlyKeys('results options', options, ['ack', 'limit', 'owner', 'signal']);
    const { ack, limit, owner, signal } = options;
    const answer = await this.#connection.json<
      WireOk<ClientSettledRecord[]> & { cursor: string | null; in_progress: number }
    >(`/groups/${pathPart('group', group)}/results`, { query: { ack, limit, owner }, signal });
    return { records: answer.result, cursor: answer.cursor, inProgress: answer.in_progress };
  }

  /** Lets no further work begin. @throws TaskClientError PERMISSION_DENIED unless the caller is an operator */
  async pause({ signal }: CallOptions = {}): Promise<WireStats> {
    return this.#result('/pause', { method: 'POST', signal });
  }

  /** Goes on. @throws TaskClientError PERMISSION_DENIED unless the caller is an operator */
  async resume({ signal }: CallOptions = {}): Promise<WireStats> {
    return this.#result('/resume', { method: 'POST', signal });
  }

  /** The metrics in the text format of Prometheus. @throws TaskClientError NOT_FOUND (the server has none), PERMISSION_DENIED */
  async metrics({ signal }: CallOptions = {}): Promise<string> {
    return this.#connection.text('/metrics', { signal });
  }

  async #result<Result>(path: string, parts: Parameters<Connection['json']>[1]): Promise<Result> {
    return (await this.#connection.json<WireOk<Result>>(path, parts)).result;
  }

  async #accepted<Result>(path: string, body: object, signal: AbortSignal | undefined): Promise<ClientTask<Result>> {
    const { task_id: id } = await this.#result<WireAccepted>(path, { method: 'POST', body, signal });
    return this.task<Result>(id);
  }
}
