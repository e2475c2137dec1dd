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
  olderThan,
  removeFrom,
} from './status-tree.js';
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

/**
 * Every known task by id, and in the order of submission, over all three stores.
 *
 * A page costs what is on it, whatever else is known: the tree of all tasks knows their statuses, and for each set
 * of fields that somebody has filtered by there is an index. That is made when it is asked for the first time (a fraction
 * of a microsecond for each known task) and kept up from then on, so that nobody pays for what is never asked.
 */
export class TaskIndex {
  readonly #entries = new Map<string, IndexEntry>();
  readonly #all = new StatusTree<IndexEntry>();
  readonly #indexes: FieldIndex<IndexEntry>[] = [];
  readonly #indexOf = new Map<string, FieldIndex<IndexEntry>>();
  #order = 0;

  get size(): number {
    return this.#entries.size;
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
      entry.fieldPlaces = this.#indexes.map((index) => index.add(entry, task.identity, entry.status));
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
    for (const [at, index] of this.#indexes.entries()) {
      const inIndex = fieldPlaces[at] ?? null;
      if (inIndex !== null) index.remove(inIndex, identity, status);
    }
  }

  /** At most `max` tasks that match, newest first, from the one after the order `before` on. */
  find(filter: TaskFilter, before: number, max: number): IndexEntry[] {
    const status = filter.status === undefined ? ANY_STATUS : STATUS_NUMBERS[filter.status];
    const found: IndexEntry[] = [];
    let place = this.#tree(filter)?.newest(before, status) ?? null;
    for (; place !== null && found.length < max; place = olderThan(place, status)) found.push(place.value);
    return found;
  }

  #tree(filter: TaskFilter): StatusTree<IndexEntry> | undefined {
    const fields = FILTER_FIELDS.filter((field) => filter[field] !== undefined);
    if (fields.length === 0) return this.#all;
    const index = this.#indexOf.get(fields.join()) ?? this.#makeIndex(fields);
    return index.tree(filter);
  }

  #makeIndex(fields: readonly FilterField[]): FieldIndex<IndexEntry> {
    const index = new FieldIndex<IndexEntry>(fields);
    this.#indexOf.set(fields.join(), index);
    this.#indexes.push(index);
    // A map keeps the order in which its entries came.
    for (const entry of this.#entries.values()) {
      entry.fieldPlaces = [...entry.fieldPlaces, index.add(entry, entry.identity, entry.status)];
    }
    return index;
  }
}
