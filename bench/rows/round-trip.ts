import { taskModule, taskType } from 'treadle';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule } from '../runner/threads.js';
import { raceNoOps } from '../scenarios/no-op.js';
import type noOp from '../tasks/no-op.task.js';

/** Row 3. */
export const roundTrip: Row = {
  number: 3,
  question: 'Round trip on an idle manager',
  goal: 'at most 1.25 × `piscina.run`',
  about: `One no-op at a time: the next is submitted when the result of the last is there. What is compared is the mean time of
one, from \`submit\` to its result, with that of \`piscina.run\`. Beside them other pools, on as many threads.`,
  shortfall: `a round trip is serial, so all book-keeping on the main thread shows, on caches that went cold while the thread worked. The
message itself and its answer take less than those of \`piscina.run\`. How much shows depends on the machine of the hour: 0.8 × to 1.6 × on this one in a day,
best when it was busy and its cores did not sleep between messages.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const count = quick ? 500 : 5_000;
  return {
    config: { threads: THREADS, 'round trips a round': count },
    ...(await raceNoOps({
      type: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))),
      count,
      outstanding: 1,
      rounds,
      figure: (ms) => (ms / count) * 1_000,
      unit: 'µs',
      goal: { atMost: 1.25 },
      chartTitle: 'Round trip of a no-op, µs',
    })),
  };
}
