import { TaskManager, type TaskManagerOptions, taskModule, taskType } from 'treadle';
import { KEYS, type ApiServer, startApiServer } from '../http/live-server.js';
import { builtTask, closedAtEnd, type testTypes } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import type items from '../tasks/items.task.js';
import type steps from '../tasks/steps.task.js';
import { Command, type Ended } from './command.js';

/** A listening server, and commands that operate it with a key of its own operator. */
export interface OperatedServer extends ApiServer {
  /** Runs a command to its end. */
  readonly treadle: (...args: string[]) => Promise<Ended>;
  /** Starts one that goes on. */
  readonly start: (...args: string[]) => Command;
  /** What a command prints with `--json`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects it to be is what it checks
  readonly json: (...args: string[]) => Promise<any>;
}

/** The test manager's types, of which inputs are kept, and items that fail skipped. */
function operatedTypes(): ReturnType<typeof testTypes> {
  return {
    fault: taskType(taskModule<typeof fault>(builtTask('fault')), { keepInput: 'failed', killable: false }),
    items: taskType(taskModule<typeof items>(builtTask('items')), {
      keepInput: 'failed',
      onItemError: 'skip',
      chunk: { max: 1 },
    }),
    steps: taskType(taskModule<typeof steps>(builtTask('steps'))),
  };
}

/** Starts the task API over a manager with two threads. */
export async function operatedServer(
  options: Partial<Omit<TaskManagerOptions<ReturnType<typeof testTypes>>, 'types'>> = {},
): Promise<OperatedServer> {
  const tasks = closedAtEnd(
    new TaskManager({ types: operatedTypes(), threads: { max: 2 }, cancelGraceMs: 0, ...options }),
  );
  const server = await startApiServer({ tasks });
  const env = { TREADLE_URL: server.origin, TREADLE_API_KEY: KEYS.ops };
  const start = (...args: string[]): Command => new Command(args, { env });
  const treadle = (...args: string[]): Promise<Ended> => start(...args).ended;
  return {
    ...server,
    treadle,
    start,
    json: async (...args) => {
      const { out, errors } = await treadle(...args, '--json');
      if (out === '') throw new Error(`\`treadle ${args.join(' ')}\` printed nothing: ${errors}`);
      return JSON.parse(out) as unknown;
    },
  };
}
