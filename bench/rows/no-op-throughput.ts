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
  shortfall: `a task costs the main thread 25 µs of processor time where a bare \`run\` costs 19 (a quiet process). A third of it is garbage
collection, because a thousand waiting tasks and the history live through each collection; 7 µs are the message and the wake-up of the thread,
which Piscina pays too. Sending chunks over a port of our own instead of \`piscina.run\` brought this from 0.52 × to what it is; so did slots that are kept, objects that are made on
demand, and a lane that is given away before its answer is worked out. Small tasks that may run twice are for \`pack: true\` (row 1).`,
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
