import type { WireRecord } from '../../client/index.js';
import { CommandError, EXIT } from '../command-error.js';
import type { Operator } from './operator.js';
import { Screen } from './screen.js';
import { hasFailed } from './task-cells.js';
import { taskLine, taskPage } from './task-page.js';

/** All that is known of a task, with `--watch` until it has settled. @returns the code that the process exits with. */
export async function show(operator: Operator, id: string): Promise<number> {
  // Where nobody answers this fails at once, while the stream would try to come back for a minute.
  const record = await operator.ask((client) => client.get(id));
  if (operator.watches) return await follow(operator, id, { everyChange: true });
  printRecord(operator, record);
  return record.status === 'failed' ? EXIT.failed : EXIT.ok;
}

/**
 * Shows how a task goes until it has settled: drawn anew on a terminal; elsewhere a line a change, or only its end.
 *
 * @returns the code that the process exits with: `ok` only if the task completed.
 */
export async function follow(
  operator: Operator,
  id: string,
  { everyChange }: { everyChange: boolean },
): Promise<number> {
  const { json, output } = operator;
  const screen = new Screen(output);
  let last: WireRecord | null = null;
  try {
    for await (const record of operator.listen((client) => client.watch(id))) {
      last = record;
      if (json) {
        if (everyChange) output.json(record);
      } else if (output.isTerminal) screen.draw(taskPage(record, operator.now, output));
      else if (everyChange) output.line(taskLine(record, output));
    }
  } finally {
    screen.close();
  }
  if (last === null) throw new CommandError('The server told nothing of the task');
  if (json ? !everyChange : !output.isTerminal) printRecord(operator, last);
  return hasFailed(last) ? EXIT.failed : EXIT.ok;
}

function printRecord({ json, output, now }: Operator, record: WireRecord): void {
  if (json) output.json(record, 2);
  else output.lines(taskPage(record, now, output));
}
