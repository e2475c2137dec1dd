import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TaskManager, taskModule, taskType } from 'treadle';
import { THREADS, builtModule } from '../runner/threads.js';
import type embed from '../tasks/embed.task.js';
import { DIMENSIONS, embedAll } from '../tasks/vectors.js';

/** How long an embedding took, and what to call, when it does not disturb, to compare each number with inline. */
export interface Embedded {
  readonly ms: number;
  /** @throws AssertionError */
  readonly check: () => void;
}

/** The same texts embedded in three ways. */
export class Embedding implements AsyncDisposable {
  readonly texts: readonly string[];
  readonly #expected: Float32Array;
  readonly #manager = new TaskManager({
    types: { embed: taskType(taskModule<typeof embed>(builtModule('embed.task'))) },
    threads: { max: THREADS },
  });
  readonly #workers: readonly Worker[] = Array.from({ length: THREADS }, () => new Worker(builtModule('embed.worker')));
  /** One share a Worker, of every so-many-th text: shares of texts in a row may differ in length. */
  readonly #shares: readonly (readonly string[])[];

  constructor(texts: readonly string[]) {
    this.texts = texts;
    this.#expected = embedAll(texts);
    this.#shares = this.#workers.map((_, share) => texts.filter((_text, at) => at % THREADS === share));
  }

  async ready(): Promise<void> {
    await this.#manager.ready();
  }

  /** One task, its items the texts, its result one vector a text. */
  async treadle(): Promise<Embedded> {
    const startedAt = performance.now();
    const task = await this.#manager.submit('embed', { items: this.texts });
    const vectors = await task.result();
    const ms = performance.now() - startedAt;
    return { ms, check: () => this.#check((at) => vectors[at]) };
  }

  /** A share to each of two Workers that are up, which give one block back. */
  async bareWorkers(): Promise<Embedded> {
    const startedAt = performance.now();
    const blocks = await Promise.all(
      this.#workers.map(async (worker, share) => {
        worker.postMessage(this.#shares[share]);
        const [block] = (await once(worker, 'message')) as [Float32Array];
        return block;
      }),
    );
    const ms = performance.now() - startedAt;
    const rowOf = (at: number): number => Math.floor(at / THREADS) * DIMENSIONS;
    return { ms, check: () => this.#check((at) => blocks[at % THREADS]?.subarray(rowOf(at), rowOf(at) + DIMENSIONS)) };
  }

  /** On the main thread. */
  inline(): Promise<Embedded> {
    const startedAt = performance.now();
    const matrix = embedAll(this.texts);
    const ms = performance.now() - startedAt;
    return Promise.resolve({
      ms,
      check: () => this.#check((at) => matrix.subarray(at * DIMENSIONS, (at + 1) * DIMENSIONS)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#manager.close(), ...this.#workers.map((worker) => worker.terminate())]);
  }

  #check(vectorOf: (at: number) => Float32Array | undefined): void {
    for (const at of this.texts.keys()) {
      const from = at * DIMENSIONS;
      const vector = vectorOf(at);
      const same =
        vector?.length === DIMENSIONS && vector.every((value, column) => value === this.#expected[from + column]);
      assert.ok(same, `The vector of text ${at} is not as inline`);
    }
  }
}
