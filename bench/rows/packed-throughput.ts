import { taskModule, taskType } from 'treadle';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule } from '../runner/threads.js';
import { raceNoOps } from '../scenarios/no-op.js';
import type noOp from '../tasks/no-op.task.js';

const OUTSTANDING = 1_000;

/** Row 1. */
export const packedThroughput: Row = {
  number: 1,
  question: 'No-op tasks of a type that packs, each with its full record',
  goal: 'at least 5 × `piscina.run`, and ahead of every other pool',
  about: `As row 2, with \`pack: true\` in the policy of the type: tasks that wait are sent to a thread together. They are still
submitted one by one, ${OUTSTANDING} at a time on their way, and each has its record, its result, which is compared, and a cancel of its own. The other
pools have no such thing, so that theirs are bare runs.`,
  shortfall: `the main thread is busy all the time, with about 4 µs of processor time a task when nothing else runs in the process: the
submission and its promise, the id, the record, two transitions, the index and the history, and a sixth of it for garbage. Messages are a tenth of it.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const count = quick ? 4_000 : 40_000;
  return {
    config: { threads: THREADS, outstanding: OUTSTANDING, 'tasks a round': count },
    ...(await raceNoOps({
      type: taskType(taskModule<typeof noOp>(builtModule('no-op.task')), { pack: true }),
      count,
      outstanding: OUTSTANDING,
      rounds,
      figure: (ms) => (count / ms) * 1_000,
      unit: 'tasks/s',
      goal: { atLeast: 5 },
      peersGoal: { atLeast: 1 },
      chartTitle: 'No-op tasks a second, Treadle packs them',
    })),
  };
}
