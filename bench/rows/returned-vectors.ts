import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskManager, range, taskModule, taskType } from 'treadle';
import { medianFigure } from '../runner/figures.js';
import { collectGarbage } from '../runner/garbage.js';
import { type Measure, interleave } from '../runner/interleave.js';
import { MAIN_THREAD_CPU } from '../runner/main-thread-cpu.js';
import { PauseWatch } from '../runner/pause-watch.js';
import type { Effort, Goal, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule, defaultPiscina } from '../runner/threads.js';
import { VECTOR_LENGTH, numberAt } from '../tasks/numbers.js';
import type oneArray from '../tasks/one-array.task.js';
import type vectorsEach from '../tasks/vectors-each.task.js';
import type vectorsRun from '../tasks/vectors-run.task.js';

const ROWS = 65_536;
const NUMBERS = ROWS * VECTOR_LENGTH;
const PISCINA_ROWS = 1_024;
/** For what comes after the last message: collecting garbage. */
const AFTER_MS = 20;
/** The first watch of each is not counted. */
const WARM_UPS = 1;
const GOAL = { atMost: 10 };

/** Row 14. */
export const returnedVectors: Row = {
  number: 14,
  question: '100 MB of Float32Array back to the main thread',
  goal: 'longest pause below 10 ms',
  about: `${ROWS} vectors of ${VECTOR_LENGTH} numbers come back as one array, as vectors in memory of their own or as views of one block a
chunk, returned as they are or through \`transfer\`. Piscina returns one array, or ${PISCINA_ROWS} rows a \`run\`, with and without \`move\`. The
figure is the longest pause of the main thread, from the submission until ${AFTER_MS} ms after the last result: of a timer that is due each
millisecond or between two turns of a \`setImmediate\` loop, whichever is longer. Every number is checked when the watch is over. Beside: the
same while the process idles, and while the threads make the numbers and return none of them. A pause has the wait in it for one of the cores
that the threads keep busy; so the most CPU time that the main thread used between two turns is told, too, which Linux counts by the tick of its
clock (up to 4 ms too much). Part of it is V8's own: so much more memory makes it collect garbage at once.`,
  shortfall: `65,536 arrays with memory of their own are read in turns of 512, a millisecond each; the longest pauses are collections that
follow from so many buffers outside the heap (work that returns nothing pauses 2 ms here). Vectors as \`subarray\`s of one block, or one array, stay below. Half as
many arrays a message (tried: 2,048 and 512) changed little.`,
  run,
};

/** What came back, in order; its numbers are compared when that does not disturb. */
type Returned = readonly Float32Array[];

async function run({ rounds }: Effort): Promise<Measured> {
  await using manager = new TaskManager({
    types: {
      one_array: taskType(taskModule<typeof oneArray>(builtModule('one-array.task'))),
      each: taskType(taskModule<typeof vectorsEach>(builtModule('vectors-each.task'))),
      run: taskType(taskModule<typeof vectorsRun>(builtModule('vectors-run.task'))),
    },
    threads: { max: THREADS },
  });
  await using pool = defaultPiscina('vectors.worker');
  await manager.ready();

  const one = async (returns: 'array' | 'transfer'): Promise<Returned> => {
    const task = await manager.submit('one_array', { input: { count: NUMBERS, returns } });
    return [(await task.result()) as Float32Array];
  };
  const rows = async (memory: 'own' | 'block' | 'given block'): Promise<Returned> =>
    (await manager.submit('run', { items: range(0, ROWS), input: memory })).result();
  const piscina = async (name: 'block' | 'vectors', count: number, moves: boolean): Promise<Returned> => {
    const froms = Array.from({ length: ROWS / count }, (_, at) => at * count);
    return (
      await Promise.all(froms.map((from) => pool.run({ from, count, moves }, { name })))
    ).flat() as Float32Array[];
  };
  const watched: Record<string, Watched> = {
    'one array, Treadle': new Watched(() => one('array')),
    'one array, Treadle, transfer': new Watched(() => one('transfer')),
    'one array, Piscina': new Watched(() => piscina('block', ROWS, false)),
    'one array, Piscina, move': new Watched(() => piscina('block', ROWS, true)),
    'vectors, Treadle, each': new Watched(async () =>
      (await manager.submit('each', { items: range(0, ROWS) })).result(),
    ),
    'vectors, Treadle, run': new Watched(() => rows('own')),
    'vectors, Piscina': new Watched(() => piscina('vectors', PISCINA_ROWS, false)),
    'vectors, Piscina, move': new Watched(() => piscina('vectors', PISCINA_ROWS, true)),
    'blocks, Treadle': new Watched(() => rows('block')),
    'blocks, Treadle, transfer': new Watched(() => rows('given block')),
    'blocks, Piscina': new Watched(() => piscina('block', PISCINA_ROWS, false)),
    'blocks, Piscina, move': new Watched(() => piscina('block', PISCINA_ROWS, true)),
    'nothing of it returned': new Watched(async () => {
      const task = await manager.submit('one_array', { input: { count: NUMBERS, returns: 'count' } });
      assert.equal(await task.result(), NUMBERS);
    }),
    idle: new Watched(() => sleep(200)),
  };
  const measures = Object.entries(watched).map(([name, { measure }]): [string, Measure] => [name, measure]);
  const pausesMs = await interleave(Object.fromEntries(measures), rounds);
  const goalOf = (name: string): Goal | null => (name.includes('Treadle') ? GOAL : null);
  return {
    config: { threads: THREADS, vectors: ROWS, 'numbers in a vector': VECTOR_LENGTH, MB: (NUMBERS * 4) / 1e6 },
    figures: [
      ...Object.entries(pausesMs).map(([name, samples]) => medianFigure(name, 'ms', samples, goalOf(name))),
      ...Object.entries(watched).map(([name, { cpuMs }]) =>
        medianFigure(`${name}: ${MAIN_THREAD_CPU}`, 'ms', cpuMs.slice(WARM_UPS), goalOf(name)),
      ),
    ],
  };
}

/** What is watched again and again. */
class Watched {
  /** The most that the main thread did in one go, of each watch. Milliseconds of CPU time. */
  readonly cpuMs: number[] = [];
  readonly #work: () => Promise<Returned | void>;

  constructor(work: () => Promise<Returned | void>) {
    this.#work = work;
  }

  /** The longest pause of one watch. Milliseconds. */
  readonly measure = async (): Promise<number> => {
    // What the contestant before has left behind is not this one's matter.
    collectGarbage();
    await sleep(AFTER_MS);
    const watch = new PauseWatch();
    const returned = await this.#work();
    await sleep(AFTER_MS);
    const { longestMs, longestCpuMs } = watch.end();
    if (returned !== undefined) check(returned);
    this.cpuMs.push(longestCpuMs);
    return longestMs;
  };
}

function check(returned: Returned): void {
  let at = 0;
  for (const array of returned) {
    for (const number of array) {
      if (number !== numberAt(at)) assert.fail(`Number ${at} is ${number}`);
      at++;
    }
  }
  assert.equal(at, NUMBERS);
}
