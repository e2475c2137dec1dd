import type { Clock } from './clock.js';
import { Duplicates } from './duplicates.js';
import { invalidArgument, onlyKeys } from './errors.js';
import { type GroupPage, Groups } from './groups.js';
import { type KeptInput, KeptInputs } from './kept-inputs.js';
import { History, type HistoryOptions } from './history.js';
import { isIndexed } from './rerun.js';
import { STATUS_NUMBERS } from './status-tree.js';
import { key } from './submission.js';
import { TaskCounts } from './task-counts.js';
import { type IndexEntry, type TaskFilter, TaskIndex } from './task-index.js';
import { type SettledRecord, TASK_STATUSES, type TaskRecord, type TaskStatus } from './task-record.js';
import { type TypeStats, typeStats } from './task-stats.js';
import type { Task, TaskWork } from './task.js';

/** Whose tasks a call may see: with an owner, only that owner's. */
export interface OwnerScope {
  readonly owner?: string;
}

export interface ListOptions extends TaskFilter {
  /** How many records at most. Integer from 1 to 200. @default 50 */
  readonly limit?: number;
  /** Where the last page ended: its `nextCursor`. */
  readonly cursor?: string;
}

/** Which results of a group to give out. */
export interface ResultsOptions extends OwnerScope {
  /** The `cursor` of an earlier page: the group forgets that page and all before it. Null stands for none. */
  readonly ack?: string | null;
  /** How many records at most. Integer from 1 to 200. @default 200 */
  readonly limit?: number;
}

export interface TaskPage {
  /** Newest first. */
  readonly records: readonly TaskRecord[];
  /** For the next page; null when this was the last. */
  readonly nextCursor: string | null;
}

const MAX_LIST = 200;
const DEFAULT_LIST = 50;

/** All tasks that are known, live or settled, and every way to find them. */
export class Records {
  readonly #index: TaskIndex;
  readonly #groups = new Groups();
  readonly #duplicates = new Duplicates();
  readonly #counts = new TaskCounts();
  readonly #inputs: KeptInputs;
  readonly #history: History;
  readonly #recordOf: (task: Task) => TaskRecord;

  /** `recordOf` makes the present record of a live task. */
  constructor(
    options: HistoryOptions & { readonly inputBytes: number },
    clock: Clock,
    recordOf: (task: Task) => TaskRecord,
    index: TaskIndex = new TaskIndex(),
  ) {
    this.#index = index;
    this.#recordOf = recordOf;
    this.#inputs = new KeptInputs(options.inputBytes);
    this.#history = new History(options, clock, (record) => this.#forget(record));
  }

  /** Settled records that are kept. */
  get settled(): number {
    return this.#history.size;
  }

  has(id: string): boolean {
    return this.#index.has(id);
  }

  /** The newest unsettled task of the same owner, type and resource. */
  duplicateOf(identity: Pick<Task['identity'], 'owner' | 'type' | 'resourceId'>): Task | null {
    return this.#duplicates.find(identity);
  }

  add(task: Task): void {
    const { type, group, owner } = task.identity;
    task.entry = this.#index.add(task);
    task.entry.twin = this.#duplicates.add(task);
    task.entry.counts = this.#counts.add(type, owner);
    if (group !== null) this.#groups.begin(group, owner);
  }

  /** A live task has come to another status. */
  changed(task: Task): void {
    if (task.entry !== null) this.#move(task.entry, task.status);
  }

  #move(entry: IndexEntry, to: TaskStatus): void {
    entry.counts?.move(entry.status, STATUS_NUMBERS[to]);
    this.#index.changed(entry, to);
  }

  /** Lets go of settled records that are past their time; returns how many. */
  expire(max: number): number {
    return this.#history.evictExpired(max);
  }

  /** What a settled task worked on, where that was kept. */
  inputOf(id: string): KeptInput | undefined {
    return this.#inputs.get(id);
  }

  /** A live task has become what is left of it; what it worked on may be kept for another run. */
  settle(task: Task, record: SettledRecord, keepsInput: boolean): void {
    const { entry } = task;
    // It has settled before, and may have left the history since.
    if (entry === null) return;
    task.entry = null;
    this.#move(entry, record.status);
    if (record.status === 'failed') entry.counts?.failed(record.error.code);
    entry.counts = null;
    entry.task = null;
    entry.record = record;
    if (entry.twin !== null) this.#duplicates.remove(entry.twin);
    entry.twin = null;
    entry.member = this.#groups.settle(record);
    const failed = record.status === 'failed' || record.failedItems.count > 0;
    // Before the history takes it, which may let go of it at once.
    if (keepsInput && failed && task.work !== null && !task.gaveAway) {
      this.#inputs.keep(task.id, { work: withoutIterator(task.work), undone: task.undone });
    }
    this.#history.add(record);
  }

  /** @throws TreadleError INVALID_ARGUMENT for an id that is no string, or a scope that is none. */
  find(id: string, scope: OwnerScope): IndexEntry | undefined {
    if (typeof id !== 'string') throw invalidArgument('id', 'a string', id);
    const owner = ownerOf(scope);
    this.#history.evictExpired();
    const entry = this.#index.get(id);
    const owned = entry?.task?.identity.owner ?? entry?.record?.owner ?? null;
    return owner === null || owned === owner ? entry : undefined;
  }

  recordIn(entry: IndexEntry): TaskRecord | null {
    return entry.task === null ? entry.record : this.#recordOf(entry.task);
  }

  /** @throws TreadleError INVALID_ARGUMENT for an unknown status, limit or cursor. */
  list(options: ListOptions): TaskPage {
    onlyKeys('list options', options, ['type', 'status', 'resourceId', 'group', 'owner', 'limit', 'cursor']);
    const { cursor, status } = options;
    const limit = checkLimit(options.limit, DEFAULT_LIST);
    if (status !== undefined && !TASK_STATUSES.includes(status)) {
      throw invalidArgument('status', `one of ${TASK_STATUSES.join(', ')}`, status);
    }
    for (const name of ['type', 'resourceId', 'group', 'owner'] as const) {
      refuseUndefined(name, options);
      key(name, options[name]);
    }
    this.#history.evictExpired();
    // One more than is shown: where it is there, there is another page, which starts after the last one of this.
    const found = this.#index.find(options, readCursor(cursor), limit + 1);
    const shown = found.slice(0, limit);
    const records = shown.map((entry) => this.recordIn(entry)).filter((record) => record !== null);
    const last = shown.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? last.order.toString(36) : null;
    return { records, nextCursor };
  }

  /** @throws TreadleError INVALID_ARGUMENT for a group that is no name. */
  takeResults(group: string, scope: OwnerScope): readonly SettledRecord[] {
    const name = groupOf(group);
    const owner = ownerOf(scope);
    this.#history.evictExpired();
    return this.#groups.take(name, owner);
  }

  /** @throws TreadleError INVALID_ARGUMENT for a group that is no name, an unknown limit or cursor. */
  results(group: string, options: ResultsOptions): GroupPage {
    onlyKeys('results options', options, ['owner', 'ack', 'limit']);
    const { ack = null, limit, ...scope } = options;
    const name = groupOf(group);
    const owner = ownerOf(scope);
    const max = checkLimit(limit, MAX_LIST);
    this.#history.evictExpired();
    if (ack !== null) this.#groups.acknowledge(name, owner, ack);
    return this.#groups.page(name, owner, max);
  }

  /**
   * The counts of these types, of all tasks there ever were; for an owner of those that are known, and without types of
   * which it has none.
   */
  typeStats(names: Iterable<string>, owner: string | null): Map<string, TypeStats> {
    // All owners' counts keep what the history lets go of.
    if (owner !== null) this.#history.evictExpired();
    const counts = this.#counts.of(owner);
    const found = new Map<string, TypeStats>();
    for (const type of names) {
      const own = counts.get(type);
      if (own === undefined && owner !== null) continue;
      const filter = { type, status: 'pending', ...(owner === null ? {} : { owner }) } as const;
      const oldest = (own?.of('pending') ?? 0) > 0 ? this.#index.oldest(filter) : null;
      found.set(type, typeStats(own, oldest?.task?.createdAt ?? null));
    }
    return found;
  }

  /** The history let go of it. */
  #forget(record: SettledRecord): void {
    const entry = this.#index.get(record.id);
    if (entry === undefined) return;
    this.#index.remove(entry);
    this.#counts.forget(record);
    if (entry.member !== null) this.#groups.remove(entry.member);
    this.#inputs.forget(record.id);
  }
}

const READ: Iterable<never> = [][Symbol.iterator]();

/** An iterator is read once: there is no use in holding on to what it holds on to. */
function withoutIterator(work: TaskWork): TaskWork {
  return work.items === null || isIndexed(work.items) ? work : { ...work, items: READ };
}

/** Null for all owners. A slip in a scope must not show the tasks of everybody. @throws TreadleError INVALID_ARGUMENT */
export function ownerOf(scope: OwnerScope): string | null {
  onlyKeys('scope', scope, ['owner']);
  refuseUndefined('owner', scope);
  return key('owner', scope.owner);
}

function groupOf(group: string): string {
  const name = key('group', group);
  if (name === null) throw invalidArgument('group', 'a string', group);
  return name;
}

function checkLimit(limit: number | undefined, byDefault: number): number {
  if (limit === undefined) return byDefault;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIST) {
    throw invalidArgument('limit', `an integer from 1 to ${MAX_LIST}`, limit);
  }
  return limit;
}

/** A filter that somebody meant to set, as `{ owner: user?.id }`, must not turn into none. */
function refuseUndefined<Key extends string>(name: Key, options: { readonly [Name in Key]?: unknown }): void {
  if (name in options && options[name] === undefined) throw invalidArgument(name, 'a string, or left out', undefined);
}

function readCursor(cursor: unknown): number {
  if (cursor === undefined) return Infinity;
  const order =
    typeof cursor === 'string' && /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isNaN(order)) throw invalidArgument('cursor', 'where an earlier page ended', cursor);
  return order;
}
