import type { TaskRecord } from '../engine/task-record.js';

/** The task that an event is about, as far as it matters for who may see the event and who wants to. */
export interface EventSubject {
  readonly taskId: string;
  readonly type: string;
  readonly owner: string | null;
  readonly group: string | null;
}

/** Which events a reader gets: those of which each part that is not null is the same. */
export type EventFilter = { readonly [Part in keyof EventSubject]: EventSubject[Part] | null };

export function subjectOf({ id, type, owner, group }: TaskRecord): EventSubject {
  return { taskId: id, type, owner, group };
}

export function fits(subject: EventSubject, { taskId, owner, type, group }: EventFilter): boolean {
  return (
    (taskId === null || subject.taskId === taskId) &&
    (owner === null || subject.owner === owner) &&
    (type === null || subject.type === type) &&
    (group === null || subject.group === group)
  );
}
