import { joinedKey } from './joined-key.js';
import { LinkedList, type ListNode } from './linked-list.js';
import type { Task } from './task.js';

/** Unsettled tasks by owner, type and `resourceId`. */
export class Duplicates {
  readonly #tasks = new Map<string, LinkedList<Task>>();

  /** The newest task in the way of another one of the same owner, type and resource. */
  find(identity: Pick<Task['identity'], 'owner' | 'type' | 'resourceId'>): Task | null {
    if (identity.resourceId === null) return null;
    return this.#tasks.get(keyOf(identity))?.last?.value ?? null;
  }

  /** Null for a task without a resource: it is in nobody's way. */
  add(task: Task): ListNode<Task> | null {
    if (task.identity.resourceId === null) return null;
    const key = keyOf(task.identity);
    let tasks = this.#tasks.get(key);
    if (tasks === undefined) this.#tasks.set(key, (tasks = new LinkedList(key)));
    return tasks.append(task);
  }

  remove(node: ListNode<Task>): void {
    const { list } = node;
    if (list?.remove(node) === true && list.size === 0) this.#tasks.delete(list.key);
  }
}

function keyOf({ owner, type, resourceId }: Pick<Task['identity'], 'owner' | 'type' | 'resourceId'>): string {
  return joinedKey(type, owner, resourceId);
}
