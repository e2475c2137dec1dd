import { EXIT } from '../command-error.js';
import { cleanLine } from '../print/clean-text.js';
import type { Operator } from './operator.js';

/** What `treadle rerun` was told. */
export interface RerunFlags {
  readonly onlyFailed?: boolean;
}

/** Runs a task again, as a new one. @returns the code that the process exits with. */
export async function rerun(operator: Operator, id: string, { onlyFailed = false }: RerunFlags): Promise<number> {
  const task = await operator.ask((client) => client.rerun(id, { onlyFailedItems: onlyFailed }));
  printAccepted(operator, task.id);
  return EXIT.ok;
}

/** Just its id, so that a script can take it. */
export function printAccepted({ json, output }: Operator, id: string): void {
  if (json) output.json({ task_id: id, status: 'accepted' }, 2);
  else output.line(cleanLine(id));
}
