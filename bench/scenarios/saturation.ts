import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { TaskManager, taskModule, taskType } from 'treadle';
import { THREADS, builtModule } from '../runner/threads.js';
import type fingerprint from '../tasks/fingerprint.task.js';
import { fingerprintsOf } from '../tasks/fingerprints.js';

/** Texts in one `piscina.run`: some 7 ms of work, so that messages cost little and a thread is never long away. */
export const PISCINA_CHUNK = 256;
// One of a thread's is under way and one waits, so no thread is ever without.
const RUNS_AHEAD = 2 * THREADS;
const TASKS_AHEAD = 2;

/** Something that keeps all threads busy until it is told to stop. */
export interface Saturation {
  /** Resolves to texts a second when all that was begun is done. Rejects when a result was wrong. */
  stop(): Promise<number>;
}

/** The same texts fingerprinted again and again, in several ways. */
export class Saturations {
  readonly texts: readonly string[];
  readonly #expected: readonly number[];

  constructor(texts: readonly string[]) {
    this.texts = texts;
    this.#expected = fingerprintsOf(texts);
  }

  /** Tasks whose items are all texts: one in progress and one behind it. */
  treadle(manager: FingerprintManager): Saturation {
    return keepUp(TASKS_AHEAD, async () => {
      const task = await manager.submit('fingerprint', { items: this.texts });
      return this.#check(0, this.texts.length, await task.result());
    });
  }

  /** Chunks of {@link PISCINA_CHUNK} texts, so many that each thread always finds the next. */
  piscina(pool: Piscina): Saturation {
    let next = 0;
    return keepUp(RUNS_AHEAD, async () => {
      const from = next;
      const texts = this.texts.slice(from, from + PISCINA_CHUNK);
      next = from + texts.length < this.texts.length ? from + texts.length : 0;
      return this.#check(from, texts.length, (await pool.run(texts)) as number[]);
    });
  }

  #check(from: number, count: number, prints: readonly number[]): number {
    assert.equal(prints.length, count);
    assert.ok(
      prints.every((print, at) => print === this.#expected[from + at]),
      'A fingerprint is not as inline',
    );
    return count;
  }
}

/** Does `one` again and again, `ahead` of them at a time; each resolves to its texts. */
function keepUp(ahead: number, one: () => Promise<number>): Saturation {
  const stopped = new AbortController();
  let texts = 0;
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const done = await one();
      texts += done;
    }
  };
  const lanes = Promise.all(Array.from({ length: ahead }, lane));
  // It is `stop` that rejects.
  lanes.catch(() => {});
  return {
    stop: async () => {
      stopped.abort();
      await lanes;
      return (texts / (performance.now() - startedAt)) * 1_000;
    },
  };
}

type FingerprintTypes = ReturnType<typeof fingerprintTypes>;

function fingerprintTypes() {
  return { fingerprint: taskType(taskModule<typeof fingerprint>(builtModule('fingerprint.task'))) };
}

export type FingerprintManager = TaskManager<FingerprintTypes>;

/** With the priority that threads have by default, unless another is given. */
export function fingerprintManager(nice?: number): FingerprintManager {
  return new TaskManager({
    types: fingerprintTypes(),
    threads: { max: THREADS, ...(nice === undefined ? {} : { nice }) },
  });
}

/** Piscina as it comes, but for the number of threads and their priority. */
export function fingerprintPiscina(niceIncrement: number): Piscina {
  return new Piscina({
    filename: fileURLToPath(builtModule('fingerprint.worker')),
    minThreads: THREADS,
    maxThreads: THREADS,
    niceIncrement,
  });
}
