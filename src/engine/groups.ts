import { nanoid } from 'nanoid';
import { invalidArgument } from './errors.js';
import { joinedKey } from './joined-key.js';
import { LinkedList, type ListNode } from './linked-list.js';
import type { SettledRecord } from './task-record.js';

/** What has settled in a group and was not acknowledged. */
export interface GroupPage {
  /** Oldest first. They stay, and come again, until they are acknowledged. */
  readonly records: readonly SettledRecord[];
  /** Given as `ack` of a later call, it has the group forget these records and all before them. Null where there are none. */
  readonly cursor: string | null;
  /** How many tasks of the group have not settled. */
  readonly inProgress: number;
}

// So many characters that no group, of no process, is taken for another.
const MARK_LENGTH = 12;
const CURSOR = new RegExp(`^([\\w-]{${MARK_LENGTH}})\\.([0-9a-z]{1,11})$`);

class Group {
  /** How many of its tasks have not settled. */
  inProgress = 0;
  readonly settled: LinkedList<SettledRecord>;
  #mark: string | null = null;

  constructor(key: string) {
    this.settled = new LinkedList(key);
  }

  /** What its cursors begin with; those of any other group do not. Made on demand. */
  get mark(): string {
    return (this.#mark ??= nanoid(MARK_LENGTH));
  }
}

/**
 * Settled tasks by group, until somebody takes or acknowledges their results. A group without tasks is gone. Groups of
 * different owners are different groups.
 */
export class Groups {
  readonly #groups = new Map<string, Group>();
  /** Rises with each that settles, so that a place is still one when its record has gone. */
  #order = 0;

  /** How many groups have tasks, in progress or to be taken. */
  get size(): number {
    return this.#groups.size;
  }

  /** Another task is in progress. */
  begin(group: string, owner: string | null): void {
    const key = joinedKey(group, owner);
    let found = this.#groups.get(key);
    if (found === undefined) this.#groups.set(key, (found = new Group(key)));
    found.inProgress++;
  }

  /** A task that has begun has settled. Null for one without a group. */
  settle(record: SettledRecord): ListNode<SettledRecord> | null {
    if (record.group === null) return null;
    const group = this.#groups.get(joinedKey(record.group, record.owner));
    if (group === undefined) return null;
    group.inProgress--;
    return group.settled.append(record, this.#order++);
  }

  /** The history let go of it. */
  remove(node: ListNode<SettledRecord>): void {
    const { list } = node;
    if (list?.remove(node) === true) this.#dropEmpty(list.key);
  }

  /** All that has settled since the last call, oldest first. */
  take(group: string, owner: string | null): SettledRecord[] {
    return this.#takeUntil(joinedKey(group, owner), Infinity);
  }

  /** Forgets what `cursor` is the end of. One of another group, or of what is gone, changes nothing. @throws TreadleError INVALID_ARGUMENT */
  acknowledge(group: string, owner: string | null, cursor: string): void {
    const [, mark, order] = (typeof cursor === 'string' ? CURSOR.exec(cursor) : null) ?? [];
    if (mark === undefined || order === undefined)
      throw invalidArgument('ack', 'a `cursor` of an earlier page', cursor);
    const key = joinedKey(group, owner);
    if (this.#groups.get(key)?.mark === mark) this.#takeUntil(key, Number.parseInt(order, 36));
  }

  /** The `max` oldest that were neither taken nor acknowledged. */
  page(group: string, owner: string | null, max: number): GroupPage {
    const found = this.#groups.get(joinedKey(group, owner));
    const records: SettledRecord[] = [];
    let last: ListNode<SettledRecord> | null = null;
    for (let node = found?.settled.first ?? null; node !== null && records.length < max; node = node.next) {
      records.push(node.value);
      last = node;
    }
    const cursor = found === undefined || last === null ? null : `${found.mark}.${last.order.toString(36)}`;
    return { records, cursor, inProgress: found?.inProgress ?? 0 };
  }

  #takeUntil(key: string, order: number): SettledRecord[] {
    const records: SettledRecord[] = [];
    const settled = this.#groups.get(key)?.settled;
    for (let node = settled?.first ?? null; node !== null && node.order <= order; node = settled?.first ?? null) {
      records.push(node.value);
      settled?.remove(node);
    }
    this.#dropEmpty(key);
    return records;
  }

  #dropEmpty(key: string): void {
    const group = this.#groups.get(key);
    if (group?.inProgress === 0 && group.settled.size === 0) this.#groups.delete(key);
  }
}
