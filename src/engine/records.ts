import type { Clock } from './clock.js';
import { Duplicates } from './duplicates.js';
import { invalidArgument, onlyKeys } from './errors.js';
import { Groups } from './groups.js';
import { type KeptInput, KeptInputs } from './kept-inputs.js';
import { History, type HistoryOptions } from './history.js';
import { isIndexed } from './rerun.js';
import { key } from './submission.js';
import { type IndexEntry, type TaskFilter, TaskIndex } from './task-index.js';
import { type SettledRecord, TASK_STATUSES, type TaskRecord } from './task-record.js';
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
    this.#history = new History(options, clock, ({ id }) => this.#forget(id));
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
    task.entry = this.#index.add(task);
    task.entry.twin = this.#duplicates.add(task);
  }

  /** A live task has come to another status. */
  changed(task: Task): void {
    if (task.entry !== null) this.#index.changed(task.entry, task.status);
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
    this.#index.changed(entry, record.status);
    entry.task = null;
    entry.record = record;
    if (entry.twin !== null) this.#duplicates.remove(entry.twin);
    entry.twin = null;
    entry.member = this.#groups.add(record);
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
    const { limit = DEFAULT_LIST, cursor, status } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIST) {
      throw invalidArgument('limit', `an integer from 1 to ${MAX_LIST}`, limit);
    }
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
    if (group === undefined) throw invalidArgument('group', 'a string', group);
    this.#history.evictExpired();
    return this.#groups.take(key('group', group) ?? '', ownerOf(scope));
  }

  /** The history let go of it. */
  #forget(id: string): void {
    const entry = this.#index.get(id);
    if (entry === undefined) return;
    this.#index.remove(entry);
    if (entry.member !== null) this.#groups.remove(entry.member);
    this.#inputs.forget(id);
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

/** A filter that somebody meant to set, as `{ owner: user?.id }`, must not turn into none. */
function refuseUndefined<Key extends string>(name: Key, options: { readonly [Name in Key]?: unknown }): void {
  if (name in options && options[name] === undefined) throw invalidArgument(name, 'a string, or left out', undefined);
}

function readCursor(cursor: unknown): number {
  if (cursor === undefined) return Infinity;
  const order =
    typeof cursor === 'string' && /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isNaN(order)) throw invalidArgument('cursor', 'a `nextCursor` of an earlier page', cursor);
  return order;
}
