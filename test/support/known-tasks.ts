import { TreadleError } from 'treadle';
import { expect } from 'vitest';
import { type ListOptions, type OwnerScope, Records } from '../../dist/engine/records.js';
import { type SettledRecord, type TaskStatus, isTerminal } from '../../dist/engine/task-record.js';
import { type Settlement, Task, type TaskIdentity } from '../../dist/engine/task.js';
import type { TaskIndex } from '../../dist/engine/task-index.js';
import { ManualClock } from './manual-clock.js';

const ENDS: Record<'completed' | 'failed' | 'cancelled', Settlement> = {
  completed: { status: 'completed', value: 1 },
  failed: { status: 'failed', error: new TreadleError('TASK_FAILED', 'it failed') },
  cancelled: { status: 'cancelled' },
};

export const LIVES_MS = 1_000;

export type Fields = Pick<TaskIdentity, 'type' | 'resourceId' | 'group' | 'owner'>;

/** Records as a manager uses them, and all tasks that were ever submitted. */
export class KnownTasks {
  readonly clock = new ManualClock();
  readonly records: Records;
  readonly tasks: Task[] = [];
  /** In the order in which they settled. */
  readonly settled: Task[] = [];
  /** Those whose results nobody has taken, in the same order. */
  untaken: Task[] = [];

  constructor(max: number, index?: TaskIndex) {
    const options = { max, completedTtlMs: LIVES_MS, failedTtlMs: 5 * LIVES_MS, inputBytes: 0 };
    this.records = new Records(options, this.clock, (task) => task.snapshot(), index);
  }

  submit(fields: Fields): Task {
    const { records } = this;
    const observer = {
      onTransition: (task: Task): void => {
        if (!isTerminal(task.status)) return records.changed(task);
        this.settled.push(task);
        this.untaken.push(task);
        records.settle(task, task.snapshot() as SettledRecord, false);
      },
    };
    const identity = { id: `task ${this.tasks.length}`, meta: null, ...fields };
    const task = new Task(identity, { input: undefined, items: null }, 0, this.clock, observer);
    this.tasks.push(task);
    records.add(task);
    return task;
  }

  /** Moves on, where that can follow: every end is reached by the steps that lead there. */
  move(task: Task, to: TaskStatus): void {
    if (to === 'completed' || to === 'cancelling') task.transition('running');
    if (isTerminal(to)) task.settle(ENDS[to]);
    else task.transition(to);
  }

  takeResults(group: string, owner: string | null): void {
    const taken = this.records.takeResults(group, scopeOf(owner));
    expect(taken.map(({ id }) => id)).toEqual(this.untakenOf(group, owner).map(({ id }) => id));
    this.untaken = this.untaken.filter((task) => !isOf(task, group, owner));
  }

  /** Those of a group whose results nobody has taken, and that the history keeps. */
  untakenOf(group: string, owner: string | null): Task[] {
    return this.untaken.filter((task) => isOf(task, group, owner) && this.records.has(task.id));
  }

  /** The newest unsettled task of the same owner, type and resource. */
  duplicateOf({ type, resourceId, owner }: Fields): Task | null {
    const same = ({ identity, status }: Task): boolean =>
      identity.type === type &&
      identity.resourceId === resourceId &&
      identity.owner === owner &&
      resourceId !== null &&
      !isTerminal(status);
    return this.tasks.findLast(same) ?? null;
  }

  /** What a page shows, in the plainest words. */
  expected({ status, limit = 50, ...filters }: Omit<ListOptions, 'cursor'>, before: number): string[] {
    return this.tasks
      .slice(0, before)
      .filter((task) => this.records.has(task.id) && (status === undefined || task.status === status))
      .filter(({ identity }) =>
        Object.entries(filters).every(([name, value]) => identity[name as keyof Fields] === value),
      )
      .map(({ id }) => id)
      .reverse()
      .slice(0, limit + 1);
  }
}

export function isOf({ identity }: Task, group: string, owner: string | null): boolean {
  return identity.group === group && identity.owner === owner;
}

export function scopeOf(owner: string | null): OwnerScope {
  return owner === null ? {} : { owner };
}
