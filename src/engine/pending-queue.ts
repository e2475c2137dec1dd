import { LinkedList, type ListNode } from './linked-list.js';
import type { Task } from './task.js';

/** Tasks that wait for a slot: by priority, first in first out within one; a cancel leaves in O(1). */
export class PendingQueue {
  /** For each task type a queue for each priority, so that a type at its limit blocks nobody else. */
  readonly #byType = new Map<string, Map<number, LinkedList<Task>>>();
  #order = 0;
  /** Orders before all others, for those that were put back. */
  #orderBefore = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(task: Task): void {
    task.place = this.#queueFor(task).append(task, this.#order++);
    this.#size++;
  }

  /** Puts a task that was taken before all others of its priority again. */
  putBack(task: Task): void {
    task.place = this.#queueFor(task).prepend(task, --this.#orderBefore);
    this.#size++;
  }

  #queueFor({ identity, priority }: Task): LinkedList<Task> {
    let byPriority = this.#byType.get(identity.type);
    if (byPriority === undefined) this.#byType.set(identity.type, (byPriority = new Map()));
    let queue = byPriority.get(priority);
    if (queue === undefined) byPriority.set(priority, (queue = new LinkedList()));
    return queue;
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

  /** How many of a type wait. */
  sizeOf(type: string): number {
    let size = 0;
    for (const queue of this.#byType.get(type)?.values() ?? []) size += queue.size;
    return size;
  }

  /** Takes the next task of one type, unless it is not `wanted`. */
  takeOf(type: string, wanted: (task: Task) => boolean): Task | null {
    let best: ListNode<Task> | null = null;
    for (const { first } of this.#byType.get(type)?.values() ?? []) {
      if (first !== null && (best === null || isBefore(first, best))) best = first;
    }
    if (best === null || !wanted(best.value)) return null;
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
