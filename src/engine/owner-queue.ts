import { LinkedList, type ListNode } from './linked-list.js';
import type { Task } from './task.js';

/** The queues of one owner, by task type. */
export class WaitingOwner {
  /** Null for all tasks without an owner. */
  readonly name: string | null;
  readonly queues: Map<string, OwnerQueue> = new Map();
  /** How many of its tasks wait. */
  size = 0;

  constructor(name: string | null) {
    this.name = name;
  }
}

/** Who waits for a task type: the owner whose last turn was longest ago comes first. */
export class TypeRing extends LinkedList<OwnerQueue> {
  /** How many tasks of the type wait. */
  waiting = 0;
}

/** Tasks of one owner and type that wait: a list for each priority. */
export class OwnerQueue {
  readonly owner: WaitingOwner;
  readonly type: string;
  readonly ring: TypeRing;
  /** Where it stands in the ring; null while it is empty. */
  place: ListNode<OwnerQueue> | null = null;
  /** Since when it waits for its turn, in turns of all. The ring is in this order. */
  turn = 0;
  size = 0;
  readonly #byPriority = new Map<number, LinkedList<Task>>();

  constructor(owner: WaitingOwner, type: string, ring: TypeRing) {
    this.owner = owner;
    this.type = type;
    this.ring = ring;
  }

  /** Where tasks of that priority stand. */
  listOf(priority: number): LinkedList<Task> {
    let list = this.#byPriority.get(priority);
    if (list === undefined) this.#byPriority.set(priority, (list = new LinkedList()));
    return list;
  }

  /** The task that is next by priority, then in order. */
  get first(): ListNode<Task> | null {
    let best: ListNode<Task> | null = null;
    for (const { first } of this.#byPriority.values()) {
      if (first !== null && (best === null || isBefore(first, best))) best = first;
    }
    return best;
  }

  /** Goes to the end of the ring. */
  wait(turn: number): void {
    this.turn = turn;
    // Where it is the only one, it is there.
    if (this.place !== null && this.place === this.ring.last) return;
    this.leave();
    this.place = this.ring.append(this);
  }

  leave(): void {
    if (this.place !== null) this.ring.remove(this.place);
    this.place = null;
  }

  *[Symbol.iterator](): Generator<Task, void, undefined> {
    for (const list of this.#byPriority.values()) {
      for (let node = list.first; node !== null; node = node.next) yield node.value;
    }
  }
}

/** Which of two tasks of one owner goes first. */
export function isBefore(a: ListNode<Task>, b: ListNode<Task>): boolean {
  return a.value.priority !== b.value.priority ? a.value.priority > b.value.priority : a.order < b.order;
}
