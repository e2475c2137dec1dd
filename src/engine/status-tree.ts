import { TASK_STATUSES, type TaskStatus } from './task-record.js';

/** A status as a number, or {@link ANY_STATUS}. */
export type StatusNumber = number;

export const STATUS_NUMBERS: Readonly<Record<TaskStatus, StatusNumber>> = Object.fromEntries(
  TASK_STATUSES.map((status, number) => [status, number]),
) as Record<TaskStatus, StatusNumber>;

/** Stands for all of them where something is looked for. */
export const ANY_STATUS: StatusNumber = TASK_STATUSES.length;

/** What a {@link StatusTree} holds. */
export interface Ordered {
  /** Higher than that of everything that was added before. */
  readonly order: number;
}

/** Where a value stands in its tree. */
export interface Place<T extends Ordered> {
  readonly value: T;
  readonly leaf: Node<T>;
  readonly at: number;
}

// A node has a child for each bit of a mask.
const WIDTH = 32;
const NO_MASKS: readonly number[] = Array.from({ length: ANY_STATUS + 1 }, () => 0);

class Node<T extends Ordered> {
  parent: Node<T> | null = null;
  /** Which child of its parent it is. */
  at = 0;
  /** Nothing that was added to it has a lower order. */
  first: number;
  /** Null in a leaf: that has places. */
  readonly nodes: (Node<T> | null)[] | null;
  readonly places: (Place<T> | null)[] = [];
  /** For each status, and for any: which children have some. */
  readonly masks: number[] = NO_MASKS.slice();

  constructor(first: number, nodes: Node<T>[] | null) {
    this.first = first;
    this.nodes = nodes;
  }
}

/**
 * Values in the order in which they were added, each with a status that may change. The newest of a status, and from
 * there the next older one, are found without a look at those between: every node knows for each status which of its 32
 * children have some. So each step costs O(log₃₂ n) at most, and mostly stays within one leaf.
 *
 * It grows at the right, and what has become empty is cut off, so that it is as large as what is in it.
 */
export class StatusTree<T extends Ordered> {
  #root = new Node<T>(0, null);
  /** The last leaf. It may be empty, and its branch with it: that is never cut off. */
  #tail = this.#root;

  add(value: T, status: StatusNumber): Place<T> {
    const leaf = this.#leafFor(value.order);
    const place: Place<T> = { value, leaf, at: leaf.places.length };
    leaf.places.push(place);
    mark(leaf, place.at, ANY_STATUS);
    mark(leaf, place.at, status);
    return place;
  }

  /** The newest of a status whose order is below `before`; null where there is none. */
  newest(before: number, status: StatusNumber): Place<T> | null {
    let node = this.#root;
    for (;;) {
      const at = lastBefore(node, before);
      if (node.nodes === null || at < 0) return lastFrom(node, at + 1, status);
      node = node.nodes[at] as Node<T>;
    }
  }

  /** The oldest of a status whose order is above `after`; null where there is none. */
  oldest(after: number, status: StatusNumber): Place<T> | null {
    const place = this.newest(after + 1, ANY_STATUS);
    return place === null ? nextFrom(this.#root, -1, status) : newerThan(place, status);
  }

  #leafFor(order: number): Node<T> {
    const tail = this.#tail;
    if (tail.masks[ANY_STATUS] === 0) {
      tail.places.length = 0;
      tail.first = order;
    } else if (tail.places.length === WIDTH) {
      this.#shrink();
      this.#tail = new Node<T>(order, null);
      this.#append(this.#tail, tail);
    }
    return this.#tail;
  }

  /** Puts a node to the right of the last of its height. */
  #append(node: Node<T>, last: Node<T>): void {
    let { parent } = last;
    if (parent === null) {
      this.#root = parent = new Node<T>(last.first, []);
      adopt(parent, last);
    } else if (parent.nodes?.length === WIDTH) {
      const next = new Node<T>(node.first, []);
      this.#append(next, parent);
      parent = next;
    }
    adopt(parent, node);
  }

  /** What was added long ago has left: a root with nothing but its last child is one too many. */
  #shrink(): void {
    for (let { nodes, masks } = this.#root; nodes !== null; { nodes, masks } = this.#root) {
      const last = nodes.length - 1;
      if (masks[ANY_STATUS] !== 1 << last) return;
      this.#root = nodes[last] as Node<T>;
      this.#root.parent = null;
    }
  }
}

/** The next older one of a status; null where there is none. */
export function olderThan<T extends Ordered>(place: Place<T>, status: StatusNumber): Place<T> | null {
  return lastFrom(place.leaf, place.at, status);
}

/** The next newer one of a status; null where there is none. */
export function newerThan<T extends Ordered>(place: Place<T>, status: StatusNumber): Place<T> | null {
  return nextFrom(place.leaf, place.at, status);
}

export function changeStatus<T extends Ordered>({ leaf, at }: Place<T>, from: StatusNumber, to: StatusNumber): void {
  unmark(leaf, at, from);
  mark(leaf, at, to);
}

/** Takes a value out; true when that was the last one of its tree. */
export function removeFrom<T extends Ordered>({ leaf, at }: Place<T>, status: StatusNumber): boolean {
  leaf.places[at] = null;
  unmark(leaf, at, status);
  return unmark(leaf, at, ANY_STATUS);
}

/** The last of a status to the left of child `at` of a node. */
function lastFrom<T extends Ordered>(node: Node<T>, at: number, status: StatusNumber): Place<T> | null {
  let mask = below(node, at, status);
  while (mask === 0) {
    if (node.parent === null) return null;
    ({ at, parent: node } = node);
    mask = below(node, at, status);
  }
  for (;;) {
    const last = highest(mask);
    if (node.nodes === null) return node.places[last] as Place<T>;
    node = node.nodes[last] as Node<T>;
    mask = node.masks[status] as number;
  }
}

/** The first of a status to the right of child `at` of a node. */
function nextFrom<T extends Ordered>(node: Node<T>, at: number, status: StatusNumber): Place<T> | null {
  let mask = above(node, at, status);
  while (mask === 0) {
    if (node.parent === null) return null;
    ({ at, parent: node } = node);
    mask = above(node, at, status);
  }
  for (;;) {
    const first = highest(mask & -mask);
    if (node.nodes === null) return node.places[first] as Place<T>;
    node = node.nodes[first] as Node<T>;
    mask = node.masks[status] as number;
  }
}

function above<T extends Ordered>({ masks }: Node<T>, at: number, status: StatusNumber): number {
  return at === WIDTH - 1 ? 0 : (masks[status] as number) & (-1 << (at + 1));
}

function below<T extends Ordered>({ masks }: Node<T>, at: number, status: StatusNumber): number {
  const mask = masks[status] as number;
  return at === WIDTH ? mask : mask & ((1 << at) - 1);
}

function highest(mask: number): number {
  return 31 - Math.clz32(mask);
}

/** The last child of a node with something that may be before `order`; -1 where there is none. */
function lastBefore<T extends Ordered>({ nodes, places, masks }: Node<T>, order: number): number {
  let mask = masks[ANY_STATUS] as number;
  while (mask !== 0) {
    const at = highest(mask);
    const first = nodes === null ? (places[at] as Place<T>).value.order : (nodes[at] as Node<T>).first;
    if (first < order) return at;
    mask &= ~(1 << at);
  }
  return -1;
}

function adopt<T extends Ordered>(parent: Node<T>, child: Node<T>): void {
  child.parent = parent;
  child.at = (parent.nodes as Node<T>[]).push(child) - 1;
  for (let status = 0; status <= ANY_STATUS; status++) if (child.masks[status] !== 0) mark(parent, child.at, status);
}

function mark<T extends Ordered>(leaf: Node<T>, place: number, status: StatusNumber): void {
  let at = place;
  for (let node: Node<T> | null = leaf; node !== null; { at, parent: node } = node) {
    const mask = node.masks[status] as number;
    node.masks[status] = mask | (1 << at);
    if (mask !== 0) return;
  }
}

/** True when nothing of the status is left in the whole tree. */
function unmark<T extends Ordered>(leaf: Node<T>, place: number, status: StatusNumber): boolean {
  let at = place;
  for (let node: Node<T> | null = leaf; node !== null; { at, parent: node } = node) {
    const mask = (node.masks[status] as number) & ~(1 << at);
    node.masks[status] = mask;
    if (mask !== 0) return false;
    if (status === ANY_STATUS) cutOff(node);
  }
  return true;
}

/** Takes an empty node out of its parent, where no more is to be added to it. */
function cutOff<T extends Ordered>({ parent, at }: Node<T>): void {
  const nodes = parent?.nodes;
  if (nodes !== null && nodes !== undefined && at < nodes.length - 1) nodes[at] = null;
}
