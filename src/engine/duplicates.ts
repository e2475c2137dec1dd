import type { Task } from './task.js';

/** Unsettled tasks by owner, type and `resourceId`. */
export class Duplicates {
  readonly #tasks = new Map<string, Set<Task>>();

  /** The newest task in the way of another one of the same owner, type and resource. */
  find(identity: Pick<Task['identity'], 'owner' | 'type' | 'resourceId'>): Task | null {
    const key = keyOf(identity);
    const tasks = key === null ? undefined : this.#tasks.get(key);
    return tasks === undefined ? null : ([...tasks].at(-1) ?? null);
  }

  add(task: Task): void {
    const key = keyOf(task.identity);
    if (key === null) return;
    const tasks = this.#tasks.get(key);
    if (tasks === undefined) this.#tasks.set(key, new Set([task]));
    else tasks.add(task);
  }

  remove(task: Task): void {
    const key = keyOf(task.identity);
    if (key === null) return;
    const tasks = this.#tasks.get(key);
    if (tasks?.delete(task) === true && tasks.size === 0) this.#tasks.delete(key);
  }
}

function keyOf({ owner, type, resourceId }: Pick<Task['identity'], 'owner' | 'type' | 'resourceId'>): string | null {
  return resourceId === null ? null : JSON.stringify([owner, type, resourceId]);
}
