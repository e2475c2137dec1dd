import assert from 'node:assert/strict';
import { TaskManager, taskModule, taskType } from 'treadle';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Figure, Goal } from '../runner/row.js';
import { THREADS, builtModule, defaultPiscina, piscinaWithOurOptions } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

export interface NoOpRace {
  /** How many no-ops a round has, and how many of them are on their way at once. */
  readonly count: number;
  readonly outstanding: number;
  readonly rounds: number;
  /** The figure of a round, from its milliseconds. */
  readonly figure: (ms: number) => number;
  readonly units: { readonly treadle: string; readonly piscina: string };
  readonly goal: Goal;
}

/** No-op tasks, each awaited and compared, against bare `piscina.run` with the same threads. */
export async function raceNoOps({ count, outstanding, rounds, figure, units, goal }: NoOpRace): Promise<Figure[]> {
  await using manager = new TaskManager({
    types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
    threads: { max: THREADS },
  });
  await using defaults = defaultPiscina('no-op.worker');
  await using ours = piscinaWithOurOptions('no-op.worker');
  await manager.ready();

  const submit = async (at: number): Promise<unknown> => (await manager.submit('no_op', { input: at })).result();
  const timed = (one: (at: number) => Promise<unknown>) => async (): Promise<number> =>
    figure(await keepOutstanding(count, outstanding, async (at) => assert.equal(await one(at), at)));
  const treadle = async (): Promise<number> => {
    const before = manager.stats().completed;
    const result = await timed(submit)();
    assert.equal(manager.stats().completed - before, count);
    const newest = manager.list({ limit: 200 }).records;
    assert.ok(newest.every(({ status, startedAt, completedAt }) => status === 'completed' && startedAt <= completedAt));
    return result;
  };

  const each = await interleave(
    { treadle, defaults: timed((at) => defaults.run(at)), ours: timed((at) => ours.run(at)) },
    rounds,
  );
  return [
    ratioFigure('Treadle against Piscina, its defaults', each.treadle, each.defaults, goal),
    ratioFigure('Treadle against Piscina, our options', each.treadle, each.ours, goal),
    medianFigure('Treadle', units.treadle, each.treadle),
    medianFigure('Piscina, its defaults', units.piscina, each.defaults),
    medianFigure('Piscina, our options', units.piscina, each.ours),
  ];
}
