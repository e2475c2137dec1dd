import type { TaskEvents, TaskManager } from 'treadle';
import { expect } from 'vitest';

const TERMINAL = ['completed', 'failed', 'cancelled'] as const satisfies (keyof TaskEvents)[];
const EVENTS = ['submitted', 'running', 'retrying', 'cancelling', 'progress', ...TERMINAL] as const;

/** What a manager tells of its tasks, and whether at each of these moments everything added up. */
export class TaskStories {
  /** Names of events by the task's id, in order. */
  readonly #stories = new Map<string, string[]>();
  readonly #violations: string[] = [];
  // oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes every manager
  readonly #tasks: TaskManager<any>;

  // oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes every manager
  constructor(tasks: TaskManager<any>) {
    this.#tasks = tasks;
    for (const event of EVENTS) tasks.on(event, ({ id }) => this.#onEvent(event, id));
    tasks.on('log', ({ taskId }) => this.#onEvent('log', taskId));
  }

  of(task: { readonly id: string }): readonly string[] {
    return this.#stories.get(task.id) ?? [];
  }

  #onEvent(event: string, id: string): void {
    this.#stories.set(id, [...this.of({ id }), event]);
    const { total, pending, running, cancelling, completed, failed, cancelled, ...rest } = this.#tasks.stats();
    const sum = pending + running + cancelling + completed + failed + cancelled;
    const inProgress = running + cancelling;
    const { live, max } = rest.threads;
    if (sum !== total) this.#violations.push(`${event}: ${total} tasks in all, ${sum} by state`);
    if (inProgress > rest.maxConcurrentTasks) this.#violations.push(`${event}: ${inProgress} in progress`);
    if (live > max) this.#violations.push(`${event}: ${live} threads`);
  }

  /** All tasks have settled, once, and nothing was told of them afterwards; the counters add up, and always did. */
  check(): void {
    for (const [id, story] of this.#stories) {
      const ends = story.filter((event) => (TERMINAL as readonly string[]).includes(event));
      expect({ story, ends: ends.length, last: story.at(-1) }).toEqual({ story, ends: 1, last: ends[0] });
      expect(this.#tasks.get(id)?.status).toBe(ends[0]);
    }
    const { total, pending, running, cancelling, completed, failed, cancelled } = this.#tasks.stats();
    expect({ pending, running, cancelling }).toEqual({ pending: 0, running: 0, cancelling: 0 });
    expect(completed + failed + cancelled).toBe(total);
    expect(total).toBe(this.#stories.size);
    expect(this.#violations).toEqual([]);
  }
}
