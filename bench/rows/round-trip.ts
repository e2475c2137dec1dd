import assert from 'node:assert/strict';
import type { Piscina } from 'piscina';
import { TaskManager, taskModule, taskType } from 'treadle';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule, defaultPiscina, piscinaWithOurOptions } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

const GOAL = { atMost: 1.25 };

/** Row 3. */
export const roundTrip: Row = {
  number: 3,
  question: 'Round trip on an idle manager',
  goal: 'at most 1.25 × `piscina.run`',
  about: `One no-op at a time: the next is submitted when the result of the last is there. What is compared is the mean time of
one, from \`submit\` to its result, with that of \`piscina.run\`.`,
  shortfall: `a round trip is serial, so every microsecond of book-keeping on the main thread and in the worker entry
shows, where row 2 overlaps them. It is tens of microseconds in all, and matters to work that is itself as short.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const count = quick ? 500 : 5_000;
  await using manager = new TaskManager({
    types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
    threads: { max: THREADS },
  });
  await using defaults = defaultPiscina('no-op.worker');
  await using ours = piscinaWithOurOptions('no-op.worker');
  await manager.ready();

  const microseconds = (one: (at: number) => Promise<void>) => async (): Promise<number> =>
    ((await keepOutstanding(count, 1, one)) / count) * 1_000;
  const treadle = microseconds(async (at) => {
    const task = await manager.submit('no_op', { input: at });
    assert.equal(await task.result(), at);
  });
  const bare = (pool: Piscina) => microseconds(async (at) => assert.equal(await pool.run(at), at));

  const each = await interleave({ treadle, defaults: bare(defaults), ours: bare(ours) }, rounds);
  return {
    config: { threads: THREADS, 'round trips a round': count },
    figures: [
      ratioFigure('Treadle against Piscina, its defaults', each.treadle, each.defaults, GOAL),
      ratioFigure('Treadle against Piscina, our options', each.treadle, each.ours, GOAL),
      medianFigure('Treadle', 'µs', each.treadle),
      medianFigure('Piscina, its defaults', 'µs', each.defaults),
      medianFigure('Piscina, our options', 'µs', each.ours),
    ],
  };
}
