import { taskModule, taskType } from 'treadle';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule } from '../runner/threads.js';
import { raceNoOps } from '../scenarios/no-op.js';
import type noOp from '../tasks/no-op.task.js';

const OUTSTANDING = 1_000;

/** Row 2. */
export const noOpThroughput: Row = {
  number: 2,
  question: 'No-op tasks of a type that does not pack, each with its full record',
  goal: 'at least 0.85 × `piscina.run`',
  about: `A function that returns its argument is submitted one by one, ${OUTSTANDING} at a time on their way, and each
result is awaited and compared. With Treadle each is a task: checked, queued, run, settled, kept in the history with its
whole record. With Piscina and the other pools it is a bare run, on as many threads.`,
  shortfall: `the main thread limits both, and it spends more processor time on a task than on a bare \`run\`; how much that
shows depends on what else the machine does (0.50 × to 0.90 × in runs of one day). Sending and receiving cost nearly the same; the rest is the record and what it takes to keep it true: admission and its slot, the
indexes by id, two transitions, the promises of \`submit\` and \`result\`. About a third of the difference is garbage collection, because
a thousand waiting tasks live through a collection. Where tasks are this small, make them the items of one task (row 4).`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const count = quick ? 2_000 : 20_000;
  return {
    config: { threads: THREADS, outstanding: OUTSTANDING, 'tasks a round': count },
    ...(await raceNoOps({
      type: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))),
      count,
      outstanding: OUTSTANDING,
      rounds,
      figure: (ms) => (count / ms) * 1_000,
      unit: 'tasks/s',
      goal: { atLeast: 0.85 },
      chartTitle: 'No-op tasks a second, each task by itself',
    })),
  };
}
