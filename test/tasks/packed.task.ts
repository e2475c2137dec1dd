import { threadId } from 'node:worker_threads';
import { type TaskContext, defineTask, permanent } from 'treadle/task';
import { Gate } from './gate.js';

/** A small task, what it is to do, and where it says that it has begun. */
export interface Packed {
  /** Its number among those that share a tally. */
  at: number;
  /** A {@link Tally}. */
  tally: SharedArrayBuffer;
  act?:
    | 'throw'
    | 'permanent'
    | 'exit'
    | 'crash'
    | 'oom'
    | 'unclonable'
    | 'spin'
    | 'chat'
    | 'awaits'
    | 'busy'
    | undefined;
  /** It acts the first time that it is begun, and just returns afterwards. */
  once?: boolean | undefined;
  /** Where it arrives and waits first; with `spin`, until when it spins and asks whether to stop. */
  gate?: SharedArrayBuffer | undefined;
}

/** What a packed task returns. */
export interface PackedResult {
  readonly at: number;
  readonly threadId: number;
  readonly attempt: number;
}

/** How often each of a few tasks was begun, and in which order, in shared memory. */
export class Tally {
  readonly buffer: SharedArrayBuffer;
  readonly #size: number;
  /** How many began in all, how often each did, and which, one after another. */
  readonly #cells: Int32Array;

  constructor(size: number, buffer?: SharedArrayBuffer) {
    this.#size = size;
    this.buffer = buffer ?? new SharedArrayBuffer(4 * (1 + size + 4 * size));
    this.#cells = new Int32Array(this.buffer);
  }

  static on(buffer: SharedArrayBuffer): Tally {
    return new Tally((buffer.byteLength / 4 - 1) / 5, buffer);
  }

  /** On the thread. Returns how often it had begun before. */
  begin(at: number): number {
    const place = Atomics.add(this.#cells, 0, 1);
    if (place < 4 * this.#size) Atomics.store(this.#cells, 1 + this.#size + place, at);
    return Atomics.add(this.#cells, 1 + at, 1);
  }

  /** How often each began. */
  get counts(): readonly number[] {
    return Array.from(this.#cells.subarray(1, 1 + this.#size));
  }

  /** In which order they began for the first time: where a thread is slow, some are begun again. */
  get firstTime(): readonly number[] {
    const begun = Math.min(4 * this.#size, Atomics.load(this.#cells, 0));
    return [...new Set(this.#cells.slice(1 + this.#size, 1 + this.#size + begun))];
  }
}

export default defineTask((input: Packed, ctx: TaskContext): PackedResult | Promise<PackedResult> => {
  const before = Tally.on(input.tally).begin(input.at);
  const result = { at: input.at, threadId, attempt: ctx.attempt };
  if (input.gate !== undefined && input.act !== 'spin') new Gate(input.gate).pass();
  if (input.once === true && before > 0) return result;
  switch (input.act) {
    case undefined:
      return result;
    case 'throw':
      throw new RangeError(`task ${input.at} failed`);
    case 'permanent':
      throw permanent(new RangeError(`task ${input.at} failed for good`));
    case 'exit':
      return process.exit(9);
    case 'crash':
      setImmediate(() => {
        throw new RangeError('nobody caught this');
      });
      return new Promise(() => {});
    case 'oom': {
      const kept: unknown[] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
    }
    case 'unclonable':
      return { ...result, later: () => 1 } as PackedResult;
    case 'spin': {
      const gate = new Gate(input.gate);
      gate.arrive();
      while (!gate.isOpen) ctx.throwIfCancelled();
      return result;
    }
    case 'chat':
      ctx.stage(`stage of ${input.at}`);
      ctx.log(`first of ${input.at}`);
      ctx.log(`second of ${input.at}`);
      ctx.progress(input.at, 1_000);
      return result;
    case 'awaits':
      return Promise.resolve().then(() => result);
    case 'busy': {
      const until = performance.now() + 2;
      while (performance.now() < until);
      return result;
    }
  }
});
