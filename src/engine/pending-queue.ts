import { LinkedList, type ListNode } from './linked-list.js';
import type { Task } from './task.js';

/** Tasks that wait for a slot: by priority, first in first out within one; a cancel leaves in O(1). */
export class PendingQueue {
  /** For each task type a queue for each priority, so that a type at its limit blocks nobody else. */
  readonly #byType = new Map<string, Map<number, LinkedList<Task>>>();
  #order = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(task: Task): void {
    let byPriority = this.#byType.get(task.identity.type);
    if (byPriority === undefined) this.#byType.set(task.identity.type, (byPriority = new Map()));
    let queue = byPriority.get(task.priority);
    if (queue === undefined) byPriority.set(task.priority, (queue = new LinkedList()));
    task.place = queue.append(task, this.#order++);
    this.#size++;
  }

  /** False when it was not waiting. */
  remove(task: Task): boolean {
    const { place } = task;
    if (place === null) return false;
    task.place = null;
    place.list?.remove(place);
    this.#size--;
    return true;
  }

  /** Takes the next task of a type that `mayStart`. */
  take(mayStart: (type: string) => boolean): Task | null {
    let best: ListNode<Task> | null = null;
    for (const [type, byPriority] of this.#byType) {
      if (!mayStart(type)) continue;
      for (const queue of byPriority.values()) {
        const head = queue.first;
        if (head !== null && (best === null || isBefore(head, best))) best = head;
      }
    }
    if (best === null) return null;
    this.remove(best.value);
    return best.value;
  }

  *[Symbol.iterator](): Iterator<Task> {
    for (const byPriority of this.#byType.values()) {
      for (const queue of byPriority.values()) {
        for (let node = queue.first; node !== null; node = node.next) yield node.value;
      }
    }
  }
}

function isBefore(a: ListNode<Task>, b: ListNode<Task>): boolean {
  return a.value.priority !== b.value.priority ? a.value.priority > b.value.priority : a.order < b.order;
}
