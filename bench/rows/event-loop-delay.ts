import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { corpus } from '../runner/corpus.js';
import { medianFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { THREADS } from '../runner/threads.js';
import { type Embedded, Embedding } from '../scenarios/embedding.js';

const GOAL = { atMost: 8 };

/** Row 6. */
export const eventLoopDelay: Row = {
  number: 6,
  question: 'Event-loop delay while a corpus is embedded',
  goal: 'p99 at most that of an idle process + 8 ms',
  about: `While the embedding of the row before runs again and again, \`monitorEventLoopDelay\` (resolution 1 ms) watches the main
thread; results are checked when the watch is over. The same watch runs while the process idles, and while two bare Workers, or the main thread itself,
do the work. The figure is the difference of p99 in one round. With two cores and two busy threads the
main thread shares a core, which is part of the delay.`,
  shortfall: '',
  run,
};

interface Delays {
  readonly p50: number[];
  readonly p99: number[];
  readonly longest: number[];
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const texts = corpus(quick ? 4_000 : 20_000);
  const watchMs = quick ? 300 : 2_000;
  await using embedding = new Embedding(texts);
  await embedding.ready();
  const idle = watched(watchMs, () => sleep(watchMs));
  const treadle = watched(watchMs, () => embedding.treadle());
  const bare = watched(watchMs, () => embedding.bareWorkers());
  const inline = watched(watchMs, () => embedding.inline());
  await interleave(
    { idle: idle.measure, treadle: treadle.measure, bare: bare.measure, inline: inline.measure },
    rounds,
  );
  return {
    config: { threads: THREADS, passages: texts.length, 'ms a watch, at least': watchMs },
    figures: [
      medianFigure('p99 with Treadle less p99 idle', 'ms', less(treadle.delays.p99, idle.delays.p99), GOAL),
      ...figures('idle', idle.delays),
      ...figures('Treadle', treadle.delays),
      ...figures('two bare Workers', bare.delays),
      ...figures('inline', inline.delays),
    ],
  };
}

/** Repeats `work` until the watch is over, and collects the delays of each watch but the first, which warms up. */
function watched(
  watchMs: number,
  work: () => Promise<Embedded | void>,
): { delays: Delays; measure: () => Promise<number> } {
  const delays: Delays = { p50: [], p99: [], longest: [] };
  let warm = false;
  return {
    delays,
    async measure() {
      const histogram = monitorEventLoopDelay({ resolution: 1 });
      const startedAt = performance.now();
      histogram.enable();
      const done: (Embedded | void)[] = [];
      while (performance.now() - startedAt < watchMs) {
        done.push(await work());
        // Inline work gives the loop no turn of its own, and only in a turn is its delay seen.
        await setImmediate();
      }
      histogram.disable();
      for (const embedded of done) embedded?.check();
      if (warm) {
        delays.p50.push(histogram.percentile(50) / 1e6);
        delays.p99.push(histogram.percentile(99) / 1e6);
        delays.longest.push(histogram.max / 1e6);
      }
      warm = true;
      return histogram.percentile(99) / 1e6;
    },
  };
}

function less(samples: readonly number[], baseline: readonly number[]): number[] {
  return samples.map((sample, round) => sample - (baseline[round] as number));
}

function figures(name: string, { p50, p99, longest }: Delays): Figure[] {
  return [
    medianFigure(`${name}, p50`, 'ms', p50),
    medianFigure(`${name}, p99`, 'ms', p99),
    medianFigure(`${name}, longest`, 'ms', longest),
  ];
}
