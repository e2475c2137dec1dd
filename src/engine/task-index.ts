import { LinkedList, type ListNode } from './linked-list.js';
import { type TaskRecord, type TaskStatus } from './task-record.js';
import type { Task } from './task.js';

/** Which tasks `list` is asked for; what is left out does not filter. */
export interface TaskFilter {
  readonly type?: string;
  readonly status?: TaskStatus;
  readonly resourceId?: string;
  readonly group?: string;
  readonly owner?: string;
}

/** A task that is known: live, or what is left of it in the history. */
export interface IndexEntry {
  /** Null once it has settled. */
  task: Task | null;
  record: TaskRecord | null;
}

/** Every known task by id and in the order of submission, over all three stores. */
export class TaskIndex {
  readonly #nodes = new Map<string, ListNode<IndexEntry>>();
  readonly #list = new LinkedList<IndexEntry>();
  #order = 0;

  get size(): number {
    return this.#list.size;
  }

  has(id: string): boolean {
    return this.#nodes.has(id);
  }

  get(id: string): IndexEntry | undefined {
    return this.#nodes.get(id)?.value;
  }

  add(task: Task): void {
    this.#nodes.set(task.id, this.#list.append({ task, record: null }, this.#order++));
  }

  remove(id: string): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.delete(id);
    this.#list.remove(node);
  }

  /** Newest first, from the one after `before` on. */
  *newestFirst(before: number): Generator<ListNode<IndexEntry>, void, undefined> {
    for (let node = this.#list.last; node !== null; node = node.previous) if (node.order < before) yield node;
  }
}

export function matches(entry: IndexEntry, filter: TaskFilter): boolean {
  const identity = entry.task?.identity ?? entry.record;
  const status = entry.task?.status ?? entry.record?.status;
  if (identity === null || identity === undefined) return false;
  return (
    (filter.type === undefined || identity.type === filter.type) &&
    (filter.status === undefined || status === filter.status) &&
    (filter.resourceId === undefined || identity.resourceId === filter.resourceId) &&
    (filter.group === undefined || identity.group === filter.group) &&
    (filter.owner === undefined || identity.owner === filter.owner)
  );
}
