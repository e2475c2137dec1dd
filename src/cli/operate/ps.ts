import { TASK_STATUSES, type TaskStatus } from '../../engine/task-record.js';
import { CommandError, EXIT } from '../command-error.js';
import type { Operator } from './operator.js';
import { type OverviewFilter, overviewOf } from './overview.js';
import { overviewLines } from './overview-text.js';
import { showView } from './view.js';

/** What `treadle ps` was told. */
export interface ListedOptions extends Omit<OverviewFilter, 'status'> {
  readonly status?: string;
}

/** What is in progress and what waits. @returns the code that the process exits with. */
export async function ps(operator: Operator, options: ListedOptions): Promise<number> {
  const { status, type, group, owner, all = false, limit } = options;
  if (status !== undefined && !isStatus(status)) {
    throw new CommandError(`Expected --status to be one of ${TASK_STATUSES.join(', ')}, got ${status}`, EXIT.usage);
  }
  const said = Object.entries({ status, type, group, owner }).filter(([, value]) => value !== undefined);
  const filter: OverviewFilter = { ...Object.fromEntries(said), all, limit };
  return await showView(operator, {
    fetch: () => operator.ask((client) => overviewOf(client, filter)),
    lines: (overview) => overviewLines(overview, operator.now, operator.output),
    owner,
  });
}

function isStatus(text: string): text is TaskStatus {
  return (TASK_STATUSES as readonly string[]).includes(text);
}
