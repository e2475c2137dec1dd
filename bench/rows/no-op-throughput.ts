import assert from 'node:assert/strict';
import type { Piscina } from 'piscina';
import { TaskManager, taskModule, taskType } from 'treadle';
import { ratioFigure, medianFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule, defaultPiscina, piscinaWithOurOptions } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

const OUTSTANDING = 1_000;
const GOAL = { atLeast: 0.85 };

/** Row 2. */
export const noOpThroughput: Row = {
  number: 2,
  question: 'No-op tasks, each with its full record, against plain Piscina',
  goal: 'at least 0.85 × `piscina.run`',
  about: `A function that returns its argument is submitted one by one, ${OUTSTANDING} at a time on their way, and each
result is awaited and compared. With Treadle each is a task: checked, queued, run, settled, kept in the history with its
whole record. With Piscina it is a bare \`run\`. Both have the same threads.`,
  shortfall: `the main thread limits both, and it spends more processor time on a task than on a bare \`run\`; how much that
shows depends on what else the machine does (0.50 × to 0.90 × in runs of one day). Sending and receiving cost nearly the same; the rest is the record and what it takes to keep it true: admission and its slot, the
indexes by id, two transitions, the promises of \`submit\` and \`result\`. About a third of the difference is garbage collection, because
a thousand waiting tasks live through a collection. Where tasks are this small, make them the items of one task (row 4).`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const count = quick ? 2_000 : 20_000;
  await using manager = new TaskManager({
    types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
    threads: { max: THREADS },
  });
  await using defaults = defaultPiscina('no-op.worker');
  await using ours = piscinaWithOurOptions('no-op.worker');
  await manager.ready();

  const treadle = async (): Promise<number> => {
    const before = manager.stats().completed;
    const ms = await keepOutstanding(count, OUTSTANDING, async (at) => {
      const task = await manager.submit('no_op', { input: at });
      assert.equal(await task.result(), at);
    });
    assert.equal(manager.stats().completed - before, count);
    const newest = manager.list({ limit: 200 }).records;
    assert.ok(newest.every(({ status, startedAt, completedAt }) => status === 'completed' && startedAt <= completedAt));
    return (count / ms) * 1_000;
  };
  const bare = (pool: Piscina) => async (): Promise<number> => {
    const ms = await keepOutstanding(count, OUTSTANDING, async (at) => assert.equal(await pool.run(at), at));
    return (count / ms) * 1_000;
  };

  const perSecond = await interleave({ treadle, defaults: bare(defaults), ours: bare(ours) }, rounds);
  return {
    config: { threads: THREADS, outstanding: OUTSTANDING, 'tasks a round': count },
    figures: [
      ratioFigure('Treadle against Piscina, its defaults', perSecond.treadle, perSecond.defaults, GOAL),
      ratioFigure('Treadle against Piscina, our options', perSecond.treadle, perSecond.ours, GOAL),
      medianFigure('Treadle', 'tasks/s', perSecond.treadle),
      medianFigure('Piscina, its defaults', 'runs/s', perSecond.defaults),
      medianFigure('Piscina, our options', 'runs/s', perSecond.ours),
    ],
  };
}
