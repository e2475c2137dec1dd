/** What a {@link LinkedList} holds: the links live in the item, so that it leaves in O(1) from anywhere. */
export interface ListNode<T> {
  readonly value: T;
  /** For who compares items of several lists: rises with each append, where they share a counter. */
  readonly order: number;
  previous: ListNode<T> | null;
  next: ListNode<T> | null;
  list: LinkedList<T> | null;
}

/** A doubly linked list: every change in O(1). */
export class LinkedList<T> {
  first: ListNode<T> | null = null;
  last: ListNode<T> | null = null;
  size = 0;
  /** What its owner finds it by, where that has many. */
  readonly key: string;

  constructor(key = '') {
    this.key = key;
  }

  append(value: T, order = 0): ListNode<T> {
    const node: ListNode<T> = { value, order, previous: this.last, next: null, list: this };
    if (this.last === null) this.first = node;
    else this.last.next = node;
    this.last = node;
    this.size++;
    return node;
  }

  prepend(value: T, order: number): ListNode<T> {
    const node: ListNode<T> = { value, order, previous: null, next: this.first, list: this };
    if (this.first === null) this.last = node;
    else this.first.previous = node;
    this.first = node;
    this.size++;
    return node;
  }

  /** Takes the node out; false when it was not in this list any more. */
  remove(node: ListNode<T>): boolean {
    if (node.list !== this) return false;
    if (node.previous === null) this.first = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.last = node.previous;
    else node.next.previous = node.previous;
    node.previous = null;
    node.next = null;
    node.list = null;
    this.size--;
    return true;
  }
}
