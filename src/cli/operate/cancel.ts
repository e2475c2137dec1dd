import type { WireRecord } from '../../client/index.js';
import { CommandError, EXIT } from '../command-error.js';
import { cleanLine } from '../print/clean-text.js';
import type { Operator } from './operator.js';
import { statusCell } from './task-cells.js';

/**
 * Asks each of the tasks to stop; one that refuses does not keep the others from it.
 *
 * @returns the code that the process exits with: `failed` if any refused.
 */
export async function cancel(operator: Operator, ids: readonly string[]): Promise<number> {
  const { json, output } = operator;
  const records: WireRecord[] = [];
  let code: number = EXIT.ok;
  for (const id of ids) {
    try {
      const record = await operator.ask((client) => client.cancel(id));
      records.push(record);
      if (!json) output.line(`${cleanLine(record.task_id)}  ${statusCell(record, output)}`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // Some answers name the task themselves.
      const named = ` (${cleanLine(id)})`;
      process.stderr.write(`${error.message}${error.message.endsWith(named) ? '' : named}\n`);
      code = Math.max(code, error.exitCode);
    }
  }
  if (json) output.json(records, 2);
  return code;
}
