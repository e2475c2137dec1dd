import { joinedKey } from './joined-key.js';
import { LinkedList, type ListNode } from './linked-list.js';
import type { SettledRecord } from './task-record.js';

/**
 * Settled tasks by group, until somebody takes their results. A group without tasks is gone. Groups of different
 * owners are different groups.
 */
export class Groups {
  readonly #groups = new Map<string, LinkedList<SettledRecord>>();

  /** Null for a task without a group. */
  add(record: SettledRecord): ListNode<SettledRecord> | null {
    if (record.group === null) return null;
    const key = joinedKey(record.group, record.owner);
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = new LinkedList(key)));
    return group.append(record);
  }

  /** The history let go of it. */
  remove(node: ListNode<SettledRecord>): void {
    const { list } = node;
    if (list?.remove(node) !== true || list.size > 0) return;
    // Its results may have been taken, and others have settled since.
    if (this.#groups.get(list.key) === list) this.#groups.delete(list.key);
  }

  /** All that has settled since the last call, oldest first. */
  take(group: string, owner: string | null): SettledRecord[] {
    const key = joinedKey(group, owner);
    const records: SettledRecord[] = [];
    for (let node = this.#groups.get(key)?.first ?? null; node !== null; node = node.next) records.push(node.value);
    this.#groups.delete(key);
    return records;
  }
}
