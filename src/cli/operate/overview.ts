import type { AnyTaskClient, TaskStatus, WireRecord, WireStats } from '../../client/index.js';

/** Which tasks to show. */
export interface OverviewFilter {
  readonly status?: TaskStatus;
  readonly type?: string;
  readonly group?: string;
  readonly owner?: string;
  /** Settled ones too. */
  readonly all?: boolean;
  readonly limit: number;
}

/** What goes on at a server. */
export interface Overview {
  readonly stats: WireStats;
  /** In progress first, then what waits; each newest first. */
  readonly tasks: readonly WireRecord[];
  /** There are more than were asked for. */
  readonly more: boolean;
}

const UNSETTLED = ['running', 'cancelling', 'pending'] as const;

/** Asks for all of it at once. */
export async function overviewOf(client: AnyTaskClient, filter: OverviewFilter): Promise<Overview> {
  const { status, all = false, limit, ...rest } = filter;
  const { owner } = filter;
  const statuses = status !== undefined ? [status] : all ? [undefined] : UNSETTLED;
  const [stats, ...pages] = await Promise.all([
    client.stats(owner === undefined ? {} : { owner }),
    ...statuses.map((each) => client.list({ ...rest, limit, ...(each === undefined ? {} : { status: each }) })),
  ]);
  // A task may have moved on between two answers.
  const found = new Map<string, WireRecord>();
  for (const { records } of pages) for (const record of records) found.set(record.task_id, record);
  const tasks = [...found.values()];
  return {
    stats,
    tasks: tasks.slice(0, limit),
    more: tasks.length > limit || pages.some(({ nextCursor }) => nextCursor !== null),
  };
}
