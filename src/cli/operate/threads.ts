import type { Operator } from './operator.js';
import { threadLines } from './thread-table.js';
import { showView } from './view.js';

/** What each thread works on. @returns the code that the process exits with. */
export async function threads(operator: Operator, { owner }: { owner?: string }): Promise<number> {
  return await showView(operator, {
    fetch: () => operator.ask((client) => client.threads(owner === undefined ? {} : { owner })),
    lines: (found) => threadLines(found, operator.now, operator.output),
    owner,
  });
}
