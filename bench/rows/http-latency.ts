import { HashServer } from '../http/hash-server.js';
import { LoadProcess } from '../http/load-process.js';
import { corpus } from '../runner/corpus.js';
import { medianFigure, quantileFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import { pseudoRandom } from '../runner/pseudo-random.js';
import type { Effort, Figure, Measured, Row } from '../runner/row.js';
import { quantile } from '../runner/statistics.js';
import { THREADS } from '../runner/threads.js';
import {
  PISCINA_CHUNK,
  type Saturation,
  Saturations,
  fingerprintManager,
  fingerprintPiscina,
} from '../scenarios/saturation.js';

const REQUESTS_A_SECOND = 200;
/** The default of `threads.nice`, for Piscina. */
const NICE = 10;
const WORK_FIRST_MS = 300;
/** What is added to p99 is not known better than this. */
const RESOLUTION_MS = 0.1;
const GOAL = { atMost: 0.5 };

/** Row 7. */
export const httpLatency: Row = {
  number: 7,
  question: 'HTTP latency of the host server while all threads are busy',
  goal: 'added p99 at most half of what raw Piscina adds',
  about: `A \`node:http\` server in this process is asked ${REQUESTS_A_SECOND} times a second by a process of its own, at times fixed before (the same
for all), whether or not earlier answers have come; a latency counts from when the request was due, and every answer is checked.
Meanwhile passages are embedded and each vector made into a 32-bit fingerprint, which is compared with inline: by Treadle as tasks of
6,000 items with the chunks that it chooses; by Piscina in runs of ${PISCINA_CHUNK} passages, some 7 ms, as one would cut them who wants few
messages and no long waits, two for each thread on their way. Added p99 is p99 less that of the idle server in the same round (at least ${RESOLUTION_MS} ms). The
passages done a second stand beside, so that nobody is quick by doing less. The process that asks shares the cores, so it
runs at a higher priority where that is allowed; how late it was is shown: what of the latency is its own.`,
  shortfall: `threads of lower priority give the event loop a core at once, which halves what they add where nothing else happens. What is left
is the turns in which the main thread itself reads results and settles what they belong to, and threads of a collection that run at the priority of the
process. The figure moves between 0.5 × and 1.3 × from round to round, with p99 of a few hundred requests.`,
  run,
};

interface Watched {
  readonly latenciesMs: number[][];
  readonly lateMs: number[][];
  readonly textsPerSecond: number[];
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const watchMs = quick ? 500 : 3_000;
  const dueMs = arrivals(watchMs);
  const saturations = new Saturations(corpus(6_000));
  await using server = new HashServer();
  await server.listen();
  await using load = new LoadProcess();
  await using treadle = fingerprintManager();
  await using treadleAtZero = fingerprintManager(0);
  await using piscina = fingerprintPiscina(0);
  await using nicePiscina = fingerprintPiscina(NICE);
  await Promise.all([treadle.ready(), treadleAtZero.ready()]);

  const watched = (work: () => Saturation | null): { seen: Watched; measure: () => Promise<number> } => {
    const seen: Watched = { latenciesMs: [], lateMs: [], textsPerSecond: [] };
    const measure = async (): Promise<number> => {
      const saturation = work();
      const { latenciesMs, lateMs } = await load.run({ port: server.port, dueMs });
      seen.textsPerSecond.push((await saturation?.stop()) ?? 0);
      seen.latenciesMs.push([...latenciesMs]);
      seen.lateMs.push([...lateMs]);
      return quantile(latenciesMs, 0.99);
    };
    return { seen, measure };
  };
  const idle = watched(() => null);
  const byTreadle = watched(() => saturations.treadle(treadle));
  const byTreadleAtZero = watched(() => saturations.treadle(treadleAtZero));
  const byPiscina = watched(() => saturations.piscina(piscina));
  const byNicePiscina = watched(() => saturations.piscina(nicePiscina));
  const all = [idle, byTreadle, byTreadleAtZero, byPiscina, byNicePiscina] as const;
  const p99 = await interleave(
    {
      idle: idle.measure,
      piscina: byPiscina.measure,
      treadle: byTreadle.measure,
      nicePiscina: byNicePiscina.measure,
      treadleAtZero: byTreadleAtZero.measure,
    },
    rounds,
  );
  // The first of each only warmed up.
  for (const { seen } of all) for (const samples of Object.values(seen) as unknown[][]) samples.shift();
  const added = (name: keyof typeof p99): number[] =>
    p99[name].map((ms, round) => Math.max(RESOLUTION_MS, ms - (p99.idle[round] as number)));
  return {
    config: {
      threads: THREADS,
      'requests a round': dueMs.length,
      'requests/s': REQUESTS_A_SECOND,
      'nice of the process that asks': load.nice,
    },
    figures: [
      ratioFigure('added p99, Treadle against Piscina', added('treadle'), added('piscina'), GOAL),
      ratioFigure('added p99, Treadle with nice 0 against Piscina', added('treadleAtZero'), added('piscina')),
      ratioFigure(
        `added p99, Piscina with niceIncrement ${NICE} against without`,
        added('nicePiscina'),
        added('piscina'),
      ),
      ratioFigure('work done, Treadle against Piscina', byTreadle.seen.textsPerSecond, byPiscina.seen.textsPerSecond),
      ...figures('idle', idle.seen),
      ...figures('Treadle', byTreadle.seen),
      ...figures('Treadle with nice 0', byTreadleAtZero.seen),
      ...figures('Piscina', byPiscina.seen),
      ...figures(`Piscina with niceIncrement ${NICE}`, byNicePiscina.seen),
      quantileFigure(
        'p99 of how late requests were made',
        'ms',
        0.99,
        all.flatMap(({ seen }) => seen.lateMs),
      ),
    ],
  };
}

/** Times that look random and are the same in each round: nothing can fall into step with them. */
function arrivals(watchMs: number): number[] {
  const random = pseudoRandom(7);
  const gapMs = (): number => (-Math.log(1 - random()) / REQUESTS_A_SECOND) * 1_000;
  const dueMs: number[] = [];
  for (let at = gapMs(); at < watchMs; at += gapMs()) dueMs.push(WORK_FIRST_MS + at);
  return dueMs;
}

function figures(name: string, { latenciesMs, textsPerSecond }: Watched): Figure[] {
  return [
    quantileFigure(`${name}, p50`, 'ms', 0.5, latenciesMs),
    quantileFigure(`${name}, p99`, 'ms', 0.99, latenciesMs),
    quantileFigure(`${name}, longest`, 'ms', 1, latenciesMs),
    ...(textsPerSecond.some((rate) => rate > 0) ? [medianFigure(`${name}, work`, 'passages/s', textsPerSecond)] : []),
  ];
}
