import assert from 'node:assert/strict';
import { TaskManager, type TaskType } from 'treadle';
import { startPeers } from '../peers/peer-list.js';
import type { Chart } from '../runner/chart.js';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { type Measure, interleave } from '../runner/interleave.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Figure, Goal } from '../runner/row.js';
import { median } from '../runner/statistics.js';
import { THREADS, defaultPiscina, piscinaWithOurOptions } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

export interface NoOpRace {
  /** How many no-ops a round has, and how many of them are on their way at once. */
  readonly count: number;
  readonly outstanding: number;
  readonly rounds: number;
  /** Of Treadle's tasks. */
  readonly type: TaskType<typeof noOp>;
  /** The figure of a round, from its milliseconds, and its unit. */
  readonly figure: (ms: number) => number;
  readonly unit: string;
  /** Against `piscina.run`. */
  readonly goal: Goal;
  /** Against the pool with the highest median, Piscina included. None unless given. */
  readonly peersGoal?: Goal;
  readonly chartTitle: string;
}

const DEFAULTS = 'Piscina, its defaults';
const OURS = 'Piscina, our options';

type Run = (argument: number) => PromiseLike<unknown>;

/** No-op tasks, each awaited and compared, against bare runs of Piscina and of other pools with the same threads. */
export async function raceNoOps(race: NoOpRace): Promise<{ figures: Figure[]; charts: Chart[] }> {
  const { count, rounds, unit, goal, peersGoal, chartTitle } = race;
  await using manager = new TaskManager({
    types: { no_op: race.type },
    threads: { max: THREADS },
  });
  await using defaults = defaultPiscina('no-op.worker');
  await using ours = piscinaWithOurOptions('no-op.worker');
  await using peers = startPeers();
  await manager.ready();

  const submit: Run = async (argument) => (await manager.submit('no_op', { input: argument })).result();
  const treadle: Measure = async () => {
    const before = manager.stats().completed;
    const result = await timed(race, submit);
    assert.equal(manager.stats().completed - before, count);
    const newest = manager.list({ limit: 200 }).records;
    assert.ok(newest.every(({ status, startedAt, completedAt }) => status === 'completed' && startedAt <= completedAt));
    return result;
  };
  const others: Record<string, Run> = {
    [DEFAULTS]: (argument) => defaults.run(argument),
    [OURS]: (argument) => ours.run(argument),
    ...Object.fromEntries(peers.all.map((peer) => [peer.name, (argument: number) => peer.run(argument)])),
  };
  const measures = Object.entries(others).map(([name, run]) => [name, () => timed(race, run)] as const);
  const samples = await interleave<string>({ Treadle: treadle, ...Object.fromEntries(measures) }, rounds);

  const of = (name: string): number[] => samples[name] as number[];
  const names = Object.keys(samples);
  return {
    figures: [
      ratioFigure(`Treadle against ${DEFAULTS}`, of('Treadle'), of(DEFAULTS), goal),
      ratioFigure(`Treadle against ${OURS}`, of('Treadle'), of(OURS), goal),
      ...(peersGoal === undefined ? [] : [againstBest(samples, Object.keys(others), peersGoal)]),
      ...names.map((name) => medianFigure(name, unit, of(name))),
    ],
    charts: [{ kind: 'bars', title: chartTitle, figures: names }],
  };
}

function timed({ count, outstanding, figure }: NoOpRace, run: Run): Promise<number> {
  return keepOutstanding(count, outstanding, async (at) => assert.equal(await run(at), at)).then(figure);
}

function againstBest(samples: Record<string, number[]>, others: readonly string[], goal: Goal): Figure {
  const of = (name: string): number[] => samples[name] as number[];
  const best = others.toSorted((a, b) => median(of(b)) - median(of(a)))[0] as string;
  return ratioFigure(`Treadle against the best pool (${best})`, of('Treadle'), of(best), goal);
}
