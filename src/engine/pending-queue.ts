import type { ListNode } from './linked-list.js';
import { OwnerQueue, TypeRing, WaitingOwner, isBefore } from './owner-queue.js';
import type { Task } from './task.js';

/** What decides between owners. */
export interface OwnersInProgress {
  /** How many slots it has. */
  slotsOf(owner: string | null): number;
  /** Whether it has a run that will take waiting tasks of the type along: then no other of its tasks of that type begins. */
  gathers(owner: string | null, type: string): boolean;
}

const NOBODY: OwnersInProgress = { slotsOf: () => 0, gathers: () => false };

/**
 * Tasks that wait for a slot. Whose task is next: the owner's with the fewest slots, then the one's that has waited longest
 * for its turn. Which of its tasks: by priority, first in first out within one. A cancel leaves in O(1).
 */
export class PendingQueue {
  /** For each task type who waits for it, so that a type at its limit blocks nobody else. */
  readonly #rings = new Map<string, TypeRing>();
  readonly #owners = new Map<string | null, WaitingOwner>();
  readonly #inProgress: OwnersInProgress;
  #order = 0;
  /** Orders before all others, for those that were put back. */
  #orderBefore = 0;
  #turns = 0;
  #size = 0;

  constructor(inProgress: OwnersInProgress = NOBODY) {
    this.#inProgress = inProgress;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of a type wait. */
  sizeOf(type: string): number {
    return this.#rings.get(type)?.waiting ?? 0;
  }

  /** How many of an owner wait; null stands for those without one. */
  sizeOfOwner(owner: string | null): number {
    return this.#owners.get(owner)?.size ?? 0;
  }

  /** Whether no other owner waits. */
  isAllOf(owner: string | null | undefined): boolean {
    return owner !== undefined && this.sizeOfOwner(owner) === this.#size;
  }

  add(task: Task): void {
    const queue = this.#join(task);
    task.place = queue.listOf(task.priority).append(task, this.#order++);
  }

  /** Puts a task that was taken before all others of its owner and priority again. */
  putBack(task: Task): void {
    const queue = this.#join(task);
    task.place = queue.listOf(task.priority).prepend(task, --this.#orderBefore);
  }

  /** The queue that a task joins, which counts it from now on. */
  #join({ identity: { owner: name, type } }: Task): OwnerQueue {
    let owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, (owner = new WaitingOwner(name)));
    let queue = owner.queues.get(type);
    if (queue === undefined) owner.queues.set(type, (queue = new OwnerQueue(owner, type, this.#ringOf(type))));
    if (queue.size === 0) queue.wait(++this.#turns);
    queue.size++;
    queue.ring.waiting++;
    owner.size++;
    this.#size++;
    return queue;
  }

  #ringOf(type: string): TypeRing {
    let ring = this.#rings.get(type);
    if (ring === undefined) this.#rings.set(type, (ring = new TypeRing()));
    return ring;
  }

  /** False when it was not waiting. */
  remove(task: Task): boolean {
    if (task.place === null) return false;
    const { owner, type } = task.identity;
    const queue = this.#owners.get(owner)?.queues.get(type);
    if (queue !== undefined) this.#takeOut(queue, task.place);
    return true;
  }

  #takeOut(queue: OwnerQueue, place: ListNode<Task>): Task {
    const { owner, ring } = queue;
    const task = place.value;
    task.place = null;
    place.list?.remove(place);
    ring.waiting--;
    owner.size--;
    this.#size--;
    if (--queue.size === 0) this.#leave(queue);
    return task;
  }

  /** Of an owner that waits for nothing, nothing is left; the queues of tasks without one are no more than there are types. */
  #leave(queue: OwnerQueue): void {
    queue.leave();
    if (queue.owner.name === null) return;
    queue.owner.queues.delete(queue.type);
    if (queue.owner.queues.size === 0) this.#owners.delete(queue.owner.name);
  }

  /** Moves a task that waits behind those of another priority; its owner's turn stays as it is. */
  setPriority(task: Task, priority: number): void {
    const { place, identity } = task;
    task.priority = priority;
    const queue = this.#owners.get(identity.owner)?.queues.get(identity.type);
    if (place === null || queue === undefined) return;
    place.list?.remove(place);
    task.place = queue.listOf(priority).append(task, this.#order++);
  }

  /** Takes the next task of a type that `mayStart`. */
  take(mayStart: (type: string) => boolean): Task | null {
    const owner = this.nextOwner(mayStart);
    return owner === undefined ? null : this.takeFrom(owner, mayStart);
  }

  /** Whose task is next, of the types that `mayStart`; undefined where there is none. */
  nextOwner(mayStart: (type: string) => boolean): string | null | undefined {
    let best: OwnerQueue | null = null;
    let fewest = Infinity;
    for (const [type, ring] of this.#rings) {
      if (ring.first === null || !mayStart(type)) continue;
      const queue = this.#nextOf(ring);
      if (queue === null) continue;
      const slots = this.#inProgress.slotsOf(queue.owner.name);
      if (best !== null && (slots > fewest || (slots === fewest && queue.turn >= best.turn))) continue;
      best = queue;
      fewest = slots;
    }
    return best?.owner.name;
  }

  /** Who is next in a ring. Only owners with a slot are gone past, and of those there are no more than slots. */
  #nextOf(ring: TypeRing): OwnerQueue | null {
    let best: OwnerQueue | null = null;
    let fewest = Infinity;
    for (let node = ring.first; node !== null && fewest > 0; node = node.next) {
      const { owner, type } = node.value;
      const slots = this.#inProgress.slotsOf(owner.name);
      if (slots >= fewest || this.#inProgress.gathers(owner.name, type)) continue;
      best = node.value;
      fewest = slots;
    }
    return best;
  }

  /** Takes the next task of an owner. */
  takeFrom(owner: string | null, mayStart: (type: string) => boolean): Task | null {
    let best: ListNode<Task> | null = null;
    let from: OwnerQueue | null = null;
    for (const queue of this.#owners.get(owner)?.queues.values() ?? []) {
      if (queue.size === 0 || !mayStart(queue.type) || this.#inProgress.gathers(owner, queue.type)) continue;
      const { first } = queue;
      if (first === null || (best !== null && !isBefore(first, best))) continue;
      best = first;
      from = queue;
    }
    return best === null || from === null ? null : this.#serve(from, best);
  }

  /** All that the owner waits for goes behind the others. */
  #serve(queue: OwnerQueue, place: ListNode<Task>): Task {
    const task = this.#takeOut(queue, place);
    const turn = ++this.#turns;
    for (const other of queue.owner.queues.values()) if (other.size > 0) other.wait(turn);
    return task;
  }

  /**
   * Takes the next task of one type, unless it is not `wanted`: of each owner in turn, whatever slots it has, but not past a
   * run of its own that will take them along.
   */
  takeOf(type: string, wanted: (task: Task) => boolean): Task | null {
    let node = this.#rings.get(type)?.first ?? null;
    while (node !== null && this.#inProgress.gathers(node.value.owner.name, type)) node = node.next;
    const first = node?.value.first ?? null;
    if (node === null || first === null || !wanted(first.value)) return null;
    return this.#serve(node.value, first);
  }

  *[Symbol.iterator](): Iterator<Task> {
    for (const { queues } of this.#owners.values()) for (const queue of queues.values()) yield* queue;
  }
}
