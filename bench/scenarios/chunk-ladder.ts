import assert from 'node:assert/strict';
import { TaskManager, type TaskType, taskModule, taskType } from 'treadle';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { type Measure, interleave } from '../runner/interleave.js';
import type { Figure, Goal } from '../runner/row.js';
import { median } from '../runner/statistics.js';
import { THREADS, builtModule } from '../runner/threads.js';
import { type ChunkWatch, chunkWatch, seen } from '../tasks/chunk-watch.js';
import type roundsEach from '../tasks/rounds-each.task.js';
import type roundsRun from '../tasks/rounds-run.task.js';
import { type CostProfile, costProfiles } from './cost-profiles.js';

/** How the module does its items. A chunk of `run` has no time box. */
const STEPS = ['each', 'run'] as const;
type Steps = (typeof STEPS)[number];
/** With the same cost for each item, `run` is as `each`. */
const ALIKE = new Set(['cheap', 'costly']);

interface Race {
  readonly profile: CostProfile;
  readonly steps: Steps;
}

const WATCHED_ROUNDS = 3;
/** A size that is fixed: without a long target the time box would cut the largest chunks again. */
const UNBOXED_MS = 60_000;

/**
 * The adaptive size of chunks against each fixed one, over items of different costs: `ms` of one thread's time for each
 * task. A ratio is the time of the best fixed size by that of the adaptive one.
 */
export async function raceChunkSizes(ms: number, rounds: number, goal: Goal): Promise<Figure[]> {
  const profiles = costProfiles(ms);
  const modules = {
    each: taskModule<typeof roundsEach>(builtModule('rounds-each.task')),
    run: taskModule<typeof roundsRun>(builtModule('rounds-run.task')),
  };
  const types: Record<string, TaskType<typeof roundsEach>> = {};
  for (const steps of STEPS) {
    types[typeName(steps, null)] = taskType(modules[steps]);
    for (const size of new Set(profiles.flatMap(({ ladder }) => ladder))) {
      const chunk = { min: size, max: size, targetMs: UNBOXED_MS };
      types[typeName(steps, size)] = taskType(modules[steps], { chunk });
    }
  }
  await using manager = new TaskManager({ types, threads: { max: THREADS } });
  await manager.ready();

  const races = STEPS.flatMap((steps) =>
    profiles.filter(({ name }) => steps === 'each' || !ALIKE.has(name)).map((profile): Race => ({ profile, steps })),
  );
  const run = async ({ profile, steps }: Race, size: number | null, watch: ChunkWatch | null): Promise<number> => {
    const startedAt = performance.now();
    const task = await manager.submit(typeName(steps, size), { items: profile.items, input: watch });
    const hashes = await task.result();
    const tookMs = performance.now() - startedAt;
    let sum = 0;
    for (const hash of hashes) sum += hash;
    assert.equal(sum, profile.expected);
    return tookMs;
  };
  const contestants: Record<string, Measure> = {};
  for (const race of races) {
    for (const size of [null, ...race.profile.ladder]) {
      contestants[contestant(race, size)] = () => run(race, size, null);
    }
  }
  const tookMs = await interleave(contestants, rounds);

  const figures: Figure[] = [];
  for (const race of races) {
    const { name, about, ladder, items } = race.profile;
    const samples = (size: number | null): number[] => tookMs[contestant(race, size)] ?? [];
    const best = ladder.toSorted((a, b) => median(samples(a)) - median(samples(b)))[0] as number;
    const label = `${name}, \`${race.steps}\``;
    figures.push(
      ratioFigure(`${label} (${about}), against the best rung (${best})`, samples(best), samples(null), goal),
    );
    for (const [whose, size] of [
      [label, null],
      [`${label}, best rung`, best],
    ] as const) {
      const longestMs: number[] = [];
      const chunks: number[] = [];
      for (let round = 0; round < WATCHED_ROUNDS; round++) {
        const watch = chunkWatch(items.length);
        await run(race, size, watch);
        const watched = seen(watch);
        longestMs.push(watched.longestMs);
        chunks.push(watched.chunks);
      }
      figures.push(medianFigure(`${whose}: longest chunk`, 'ms', longestMs));
      figures.push(medianFigure(`${whose}: chunks`, 'chunks', chunks));
    }
  }
  return figures;
}

function typeName(steps: Steps, size: number | null): string {
  return size === null ? `rounds_${steps}` : `rounds_${steps}_${size}`;
}

function contestant({ profile, steps }: Race, size: number | null): string {
  return `${profile.name} ${steps} ${size ?? 'adaptive'}`;
}
