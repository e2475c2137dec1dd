import assert from 'node:assert/strict';
import { TaskManager, type TaskType, range, taskModule, taskType } from 'treadle';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { type Measure, interleave } from '../runner/interleave.js';
import { keepOutstanding } from '../runner/outstanding.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { median } from '../runner/statistics.js';
import { THREADS, builtModule, defaultPiscina, piscinaWithOurOptions } from '../runner/threads.js';
import { raceChunkSizes } from '../scenarios/chunk-ladder.js';
import { integerHash } from '../tasks/integer-hash.js';
import type hash from '../tasks/hash.task.js';
import type watchedHash from '../tasks/watched-hash.task.js';

/** Fixed chunk sizes: powers of 4. Smaller ones take seconds and lose by far. */
const LADDER = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144] as const;
const OUTSTANDING = 1_000;
const PISCINA_GOAL = { atLeast: 20 };
const LADDER_GOAL = { atLeast: 0.95 };

/** Row 4. */
export const tinyItems: Row = {
  number: 4,
  question: 'One task of 1,000,000 tiny items',
  goal: 'at least 20 × `piscina.run` an item, and at least 0.95 × the best fixed chunk of a ladder',
  about: `An integer hash of each number from 0 to 1,000,000, one result an item, summed and compared with the sum made
inline. The items are a range (nothing is sent but two bounds) or an array. Piscina does one \`run\` an item, ${OUTSTANDING} on their
way, on fewer items. The ladder is the same task with the chunk size held at one power of 4, ${LADDER[0]} to ${LADDER.at(-1)}; its best
rung is picked after the fact. The longest chunk is watched in rounds of their own, because watching costs. Inline stands there to say it
plainly: threads do not pay for work of a few nanoseconds an item.

Then, tasks of items with other costs, in each of which the same number is hashed over and over, as often as the item says. Items that
cost the same, ever more, ever less, now and then a hundred times as much, up and down. Each is raced against a ladder of its
own, up to half of the items a chunk, with \`each\` and, where that may differ, with \`run\`, whose chunks nothing ends early. A
ratio is the time of the best rung by that of the adaptive size.`,
  shortfall: '',
  run,
};

function sizes(quick: boolean): { items: number; piscinaItems: number; taskMs: number } {
  return quick
    ? { items: 200_000, piscinaItems: 2_000, taskMs: 40 }
    : { items: 1_000_000, piscinaItems: 20_000, taskMs: 500 };
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const { items, piscinaItems, taskMs } = sizes(quick);
  const tiny = await raceTinyItems(items, piscinaItems, rounds);
  const costs = await raceChunkSizes(taskMs, rounds, LADDER_GOAL);
  return {
    config: {
      threads: THREADS,
      items,
      'items with piscina.run': piscinaItems,
      'milliseconds of work in a task of other costs': taskMs,
    },
    figures: [...tiny, ...costs],
  };
}

async function raceTinyItems(count: number, piscinaItems: number, rounds: number): Promise<Figure[]> {
  const module = taskModule<typeof hash>(builtModule('hash.task'));
  const types: Record<string, TaskType<typeof hash>> = { sized: taskType(module) };
  // Without a long target the time box would cut the largest rungs again.
  for (const size of LADDER)
    types[`chunk_${size}`] = taskType(module, { chunk: { min: size, max: size, targetMs: 60_000 } });
  const watched = taskType(taskModule<typeof watchedHash>(builtModule('watched-hash.task')));
  await using manager = new TaskManager({ types, threads: { max: THREADS } });
  await using watcher = new TaskManager({ types: { watched }, threads: { max: THREADS } });
  await using defaults = defaultPiscina('hash.worker');
  await using ours = piscinaWithOurOptions('hash.worker');
  await Promise.all([manager.ready(), watcher.ready()]);

  const numbers = range(0, count);
  const array = [...numbers];
  const expected = sumOfHashes(count);
  const longestMs: number[] = [];
  const batch = (type: string, items: Iterable<number>): Measure =>
    rate(count, async () => {
      const task = await manager.submit(type, { items });
      assert.equal(sum(await task.result()), expected);
    });
  const bare = (pool: typeof ours): Measure =>
    rate(piscinaItems, async () => {
      let total = 0;
      await keepOutstanding(piscinaItems, OUTSTANDING, async (at) => {
        const hashed = (await pool.run(at)) as number;
        total += hashed;
      });
      assert.equal(total, sumOfHashes(piscinaItems));
    });
  const contestants: Record<string, Measure> = {
    range: batch('sized', numbers),
    array: batch('sized', array),
    defaults: bare(defaults),
    ours: bare(ours),
    inline: rate(count, async () => assert.equal(sum(array.map(integerHash)), expected)),
    watched: async () => {
      const longest = new Float64Array(new SharedArrayBuffer(8));
      const task = await watcher.submit('watched', { items: numbers, input: longest });
      assert.equal(sum(await task.result()), expected);
      longestMs.push(longest[0] as number);
      return 0;
    },
  };
  for (const size of LADDER) {
    contestants[`range ${size}`] = batch(`chunk_${size}`, numbers);
    contestants[`array ${size}`] = batch(`chunk_${size}`, array);
  }
  const perSecond = await interleave(contestants, rounds);
  return figures(perSecond, longestMs);
}

function figures(perSecond: Record<string, number[]>, longestMs: number[]): Figure[] {
  const of = (name: string): number[] => perSecond[name] ?? [];
  const best = (kind: string): number =>
    LADDER.toSorted((a, b) => median(of(`${kind} ${b}`)) - median(of(`${kind} ${a}`)))[0] as number;
  const kinds = ['range', 'array'];
  return [
    ...kinds.flatMap((kind) => [
      ratioFigure(`${kind}, against Piscina, its defaults`, of(kind), of('defaults'), PISCINA_GOAL),
      ratioFigure(`${kind}, against Piscina, our options`, of(kind), of('ours'), PISCINA_GOAL),
    ]),
    ...kinds.map((kind) =>
      ratioFigure(`${kind}, against the best rung (${best(kind)})`, of(kind), of(`${kind} ${best(kind)}`), LADDER_GOAL),
    ),
    medianFigure('longest chunk of a round, range', 'ms', longestMs),
    ...Object.entries(perSecond)
      .filter(([name]) => name !== 'watched')
      .map(([name, samples]) => medianFigure(LABELS[name] ?? `rung: ${name}`, 'items/s', samples)),
  ];
}

const LABELS: Record<string, string> = {
  range: 'Treadle, range',
  array: 'Treadle, array',
  defaults: 'Piscina, its defaults',
  ours: 'Piscina, our options',
  inline: 'inline on the main thread',
};

function rate(items: number, work: () => Promise<void>): Measure {
  return async () => {
    const startedAt = performance.now();
    await work();
    return (items / (performance.now() - startedAt)) * 1_000;
  };
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function sumOfHashes(count: number): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += integerHash(at);
  return total;
}
