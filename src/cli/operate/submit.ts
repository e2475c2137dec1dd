import { CommandError, EXIT } from '../command-error.js';
import { jsonFrom } from './json-source.js';
import type { Operator } from './operator.js';
import { printAccepted } from './rerun.js';
import { follow } from './show.js';

/** What `treadle submit` was told. */
export interface SubmitFlags {
  readonly input?: string;
  readonly items?: string;
  readonly resourceId?: string;
  readonly group?: string;
  readonly priority?: number;
  readonly wait?: boolean;
}

/** Submits a task, with `--wait` until it has settled. @returns the code that the process exits with. */
export async function submit(operator: Operator, type: string, flags: SubmitFlags): Promise<number> {
  const { input, items, resourceId, group, priority, wait = false } = flags;
  if (input === '-' && items === '-') {
    throw new CommandError('Expected only one of --input and --items to be -', EXIT.usage);
  }
  const given = {
    input: input === undefined ? undefined : await jsonFrom('--input', input),
    items: items === undefined ? undefined : arrayOf(await jsonFrom('--items', items)),
    resourceId,
    group,
    priority,
  };
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const task = await operator.ask((client) => client.submit(type, said));
  if (wait) return await follow(operator, task.id, { everyChange: false });
  printAccepted(operator, task.id);
  return EXIT.ok;
}

function arrayOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new CommandError('Expected --items to be a JSON array', EXIT.usage);
}
