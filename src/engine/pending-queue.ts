import { LinkedList, type ListNode } from './linked-list.js';
import type { Task } from './task.js';

/** Tasks that wait for a slot: by priority, first in first out within one; a cancel leaves in O(1). */
export class PendingQueue {
  /** For each task type a queue for each priority, so that a type at its limit blocks nobody else. */
  readonly #byType = new Map<string, Map<number, LinkedList<Queued>>>();
  readonly #nodes = new Map<string, ListNode<Queued>>();
  #order = 0;

  get size(): number {
    return this.#nodes.size;
  }

  add(task: Task): void {
    let byPriority = this.#byType.get(task.identity.type);
    if (byPriority === undefined) this.#byType.set(task.identity.type, (byPriority = new Map()));
    let queue = byPriority.get(task.priority);
    if (queue === undefined) byPriority.set(task.priority, (queue = new LinkedList()));
    this.#nodes.set(task.id, queue.append({ task, order: this.#order++ }));
  }

  /** False when it was not waiting. */
  remove(task: Task): boolean {
    const node = this.#nodes.get(task.id);
    if (node === undefined) return false;
    this.#nodes.delete(task.id);
    node.list?.remove(node);
    return true;
  }

  /** Takes the next task of a type that `mayStart`. */
  take(mayStart: (type: string) => boolean): Task | null {
    let best: Queued | null = null;
    for (const [type, byPriority] of this.#byType) {
      if (!mayStart(type)) continue;
      for (const queue of byPriority.values()) {
        const head = queue.first?.value;
        if (head !== undefined && (best === null || isBefore(head, best))) best = head;
      }
    }
    if (best === null) return null;
    this.remove(best.task);
    return best.task;
  }

  *[Symbol.iterator](): Iterator<Task> {
    for (const node of this.#nodes.values()) yield node.value.task;
  }
}

interface Queued {
  readonly task: Task;
  readonly order: number;
}

function isBefore(a: Queued, b: Queued): boolean {
  return a.task.priority !== b.task.priority ? a.task.priority > b.task.priority : a.order < b.order;
}
