import { FILTER_FIELDS, FieldIndex, type FilterField } from './field-index.js';
import type { ListNode } from './linked-list.js';
import {
  ANY_STATUS,
  type Ordered,
  type Place,
  STATUS_NUMBERS,
  type StatusNumber,
  StatusTree,
  changeStatus,
  newerThan,
  olderThan,
  removeFrom,
} from './status-tree.js';
import type { StatusCounts } from './task-counts.js';
import type { SettledRecord, TaskRecord, TaskStatus } from './task-record.js';
import type { Task, TaskIdentity } from './task.js';

/** Which tasks `list` is asked for; what is left out does not filter. */
export interface TaskFilter {
  readonly type?: string;
  readonly status?: TaskStatus;
  readonly resourceId?: string;
  readonly group?: string;
  readonly owner?: string;
}

// Shared by all tasks while nobody has filtered by fields.
const NO_PLACES: readonly never[] = [];

/** A task that is known: live, or what is left of it in the history. */
export class IndexEntry implements Ordered {
  /** Null once it has settled. */
  task: Task | null;
  record: TaskRecord | null = null;
  /** Rises from task to task. */
  readonly order: number;
  /** Where it stands among the unsettled tasks on the same resource; null when it does not. */
  twin: ListNode<Task> | null = null;
  /** Where it stands among the settled tasks of its group; null when it does not. */
  member: ListNode<SettledRecord> | null = null;
  /** Where its status is counted; null once it has settled. */
  counts: StatusCounts | null = null;
  status: StatusNumber;
  /** Where it stands among all; null before it is there. */
  place: Place<IndexEntry> | null = null;
  /** Where it stands in each index by fields; null where it lacks one of them. */
  fieldPlaces: readonly (Place<IndexEntry> | null)[] = NO_PLACES;

  constructor(task: Task, order: number) {
    this.task = task;
    this.order = order;
    this.status = STATUS_NUMBERS[task.status];
  }

  /** What the task was submitted with. */
  get identity(): TaskIdentity | TaskRecord {
    return (this.task?.identity ?? this.record) as TaskIdentity | TaskRecord;
  }
}

// So many tasks are looked at without more ado, some 20 µs: where a page is found by then, it needs no index.
const FREE_LOOKS = 1_000;
// An index is made in so many calls, so that none of them takes long; of a few tasks in fewer.
const CALLS_FOR_INDEX = 16;
const LEAST_INDEXED = 2_000;

/**
 * Every known task by id, and in the order of submission, over all three stores.
 *
 * A page costs what is on it, whatever else is known: the tree of all tasks knows their statuses, and each set of fields
 * that somebody filters by, and that few tasks match, gets an index. Nobody pays for what is not asked. Until the index
 * is complete, after a few such calls, one task after another is looked at.
 */
export class TaskIndex {
  readonly #entries = new Map<string, IndexEntry>();
  readonly #all = new StatusTree<IndexEntry>();
  readonly #indexes: FieldIndex<IndexEntry>[] = [];
  readonly #indexOf = new Map<string, FieldIndex<IndexEntry>>();
  readonly #freeLooks: number;
  readonly #leastIndexed: number;
  #order = 0;

  constructor(freeLooks: number = FREE_LOOKS, leastIndexed: number = LEAST_INDEXED) {
    this.#freeLooks = freeLooks;
    this.#leastIndexed = leastIndexed;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  get(id: string): IndexEntry | undefined {
    return this.#entries.get(id);
  }

  add(task: Task): IndexEntry {
    const entry = new IndexEntry(task, this.#order++);
    this.#entries.set(task.id, entry);
    entry.place = this.#all.add(entry, entry.status);
    if (this.#indexes.length > 0) {
      entry.fieldPlaces = this.#indexes.map((index) =>
        // One that is not complete comes to it.
        index.complete ? index.add(entry, task.identity, entry.status) : null,
      );
    }
    return entry;
  }

  /** The task has another status now. */
  changed(entry: IndexEntry, to: TaskStatus): void {
    const status = STATUS_NUMBERS[to];
    if (status === entry.status) return;
    if (entry.place !== null) changeStatus(entry.place, entry.status, status);
    for (const place of entry.fieldPlaces) if (place !== null) changeStatus(place, entry.status, status);
    entry.status = status;
  }

  remove(entry: IndexEntry): void {
    const { identity, place, fieldPlaces, status } = entry;
    this.#entries.delete(identity.id);
    if (place !== null) removeFrom(place, status);
    for (const [at, inIndex] of fieldPlaces.entries()) {
      if (inIndex !== null) this.#indexes[at]?.remove(inIndex, identity, status);
    }
  }

  /** At most `max` tasks that match, newest first, from the one after the order `before` on. */
  find(filter: TaskFilter, before: number, max: number): IndexEntry[] {
    const { status, fields, complete, tree, matches } = this.#search(filter);
    const found: IndexEntry[] = [];
    let looks = 0;
    let place = tree?.newest(before, status) ?? null;
    for (; place !== null && found.length < max; place = olderThan(place, status)) {
      const { value } = place;
      looks++;
      if (matches(value)) found.push(value);
    }
    if (!complete && fields.length > 0 && looks > this.#freeLooks) this.#makeIndex(fields);
    return found;
  }

  /** The one that was submitted first of all that match. */
  oldest(filter: TaskFilter): IndexEntry | null {
    const { status, fields, complete, tree, matches } = this.#search(filter);
    let looks = 0;
    let place = tree?.oldest(-1, status) ?? null;
    for (; place !== null && !matches(place.value); place = newerThan(place, status)) looks++;
    if (!complete && fields.length > 0 && looks > this.#freeLooks) this.#makeIndex(fields);
    return place?.value ?? null;
  }

  /** Where to look for what a filter asks for, and what to look at there. */
  #search(filter: TaskFilter): {
    readonly status: StatusNumber;
    readonly fields: readonly FilterField[];
    readonly complete: boolean;
    readonly tree: StatusTree<IndexEntry> | undefined;
    readonly matches: (entry: IndexEntry) => boolean;
  } {
    const status = filter.status === undefined ? ANY_STATUS : STATUS_NUMBERS[filter.status];
    const fields = FILTER_FIELDS.filter((field) => filter[field] !== undefined);
    const index = this.#indexOf.get(fields.join());
    const complete = index?.complete === true;
    const tree = complete ? index.tree(filter) : this.#all;
    const matches = ({ identity }: IndexEntry): boolean =>
      complete || fields.every((field) => identity[field] === filter[field]);
    return { status, fields, complete, tree, matches };
  }

  /** Begins an index, or goes on with it. */
  #makeIndex(fields: readonly FilterField[]): void {
    const name = fields.join();
    let index = this.#indexOf.get(name);
    if (index === undefined) {
      index = new FieldIndex<IndexEntry>(fields);
      this.#indexOf.set(name, index);
      this.#indexes.push(index);
    }
    const at = this.#indexes.indexOf(index);
    let left = Math.max(this.#leastIndexed, this.#entries.size / CALLS_FOR_INDEX);
    let place = this.#all.oldest(index.reached, ANY_STATUS);
    for (; place !== null && left > 0; place = newerThan(place, ANY_STATUS)) {
      const entry = place.value;
      const places = this.#indexes.map((_, other) => entry.fieldPlaces[other] ?? null);
      places[at] = index.add(entry, entry.identity, entry.status);
      entry.fieldPlaces = places;
      left--;
    }
    index.complete = place === null;
  }
}
