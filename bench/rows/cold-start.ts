import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ColdStart } from '../cold-start/main.js';
import { medianFigure, ratioFigure } from '../runner/figures.js';
import { interleave } from '../runner/interleave.js';
import type { Effort, Measured, Row } from '../runner/row.js';

const MAIN = fileURLToPath(new URL('../cold-start/main.js', import.meta.url));
/** Labels by the name that the process knows. */
const LIBRARIES = {
  treadle: 'Treadle',
  piscina: 'Piscina',
  tinypool: 'tinypool',
  workerpool: 'workerpool',
  poolifier: 'poolifier',
  'jest-worker': 'jest-worker',
} as const;
/** A process is short work, so there are more of them than rounds. */
const STARTS_A_ROUND = 3;

type Library = keyof typeof LIBRARIES;

/** Row 15. */
export const coldStart: Row = {
  number: 15,
  question: 'Import and first result, in a fresh process',
  goal: 'at most 1.3 × Piscina’s',
  about: `A process imports the library, makes a manager or a pool of one thread, and gets the result of one no-op from it. The time is
taken in the process, from before the import until the result is there and compared; Node's own start is not in it. Files are in
the cache of the operating system. Processor time is that of the whole process, its thread included.`,
  shortfall: `Treadle starts its threads through Piscina, so all that Piscina takes is in it. On top come its own modules, some
60 on the main thread and 14 on the other: Node takes 0.4 ms of processor time to load an ES module, whatever is in it, which makes two
thirds of the difference. The rest is eventemitter3, p-limit and nanoid (10 ms together), the first manager (4 ms) and the task's module. Each
side bundled into one file, as an experiment, gave 1.6 × Piscina's processor time instead of 2.1 ×; so that alone would not do. It is
paid once for each process, and the thread's part once for each thread.`,
  run,
};

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const names = Object.keys(LIBRARIES) as Library[];
  const cpuMs = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Library, number[]>;
  const start = (name: Library) => async (): Promise<number> => {
    const started = await startOnce(name);
    cpuMs[name].push(started.cpuMs);
    return started.ms;
  };
  const starts = quick ? 1 : rounds * STARTS_A_ROUND;
  const contestants = Object.fromEntries(names.map((name) => [name, start(name)])) as Record<
    Library,
    () => Promise<number>
  >;
  const ms = await interleave(contestants, starts);
  // The first of each is not counted there either.
  const cpuOf = (name: Library): number[] => cpuMs[name].slice(1);
  return {
    config: { threads: 1, 'processes each': starts },
    figures: [
      ratioFigure('Treadle against Piscina', ms.treadle, ms.piscina, { atMost: 1.3 }),
      ratioFigure('Treadle against Piscina, processor time', cpuOf('treadle'), cpuOf('piscina')),
      ...names.map((name) => medianFigure(LIBRARIES[name], 'ms', ms[name])),
      ...names.map((name) => medianFigure(`${LIBRARIES[name]}, processor time`, 'ms', cpuOf(name))),
    ],
    charts: [{ kind: 'bars', title: 'From import to the first result, ms', figures: Object.values(LIBRARIES) }],
  };
}

async function startOnce(library: Library): Promise<ColdStart> {
  const argument = 15;
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, library, String(argument)]);
  const started = JSON.parse(stdout) as ColdStart;
  assert.equal(started.result, argument);
  return started;
}
