import type { SettledRecord } from './task-record.js';

/**
 * Settled tasks by group, until somebody takes their results. A group without tasks is gone. Groups of different
 * owners are different groups.
 */
export class Groups {
  readonly #groups = new Map<string, Map<string, SettledRecord>>();

  add(record: SettledRecord): void {
    if (record.group === null) return;
    const key = keyOf(record.group, record.owner);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, new Map([[record.id, record]]));
    else group.set(record.id, record);
  }

  /** The history let go of it. */
  remove(record: SettledRecord): void {
    if (record.group === null) return;
    const key = keyOf(record.group, record.owner);
    const group = this.#groups.get(key);
    if (group?.delete(record.id) === true && group.size === 0) this.#groups.delete(key);
  }

  /** All that has settled since the last call, oldest first. */
  take(group: string, owner: string | null): SettledRecord[] {
    const key = keyOf(group, owner);
    const records = [...(this.#groups.get(key)?.values() ?? [])];
    this.#groups.delete(key);
    return records;
  }

  get size(): number {
    return this.#groups.size;
  }
}

function keyOf(group: string, owner: string | null): string {
  return JSON.stringify([owner, group]);
}
