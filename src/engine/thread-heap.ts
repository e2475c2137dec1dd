import { getHeapStatistics } from 'node:v8';
import type { ControlBlock } from './control-block.js';

const MEGABYTE = 2 ** 20;
// Measuring costs microseconds, which is what a small task costs.
const MEASURE_EVERY_MS = 1_000;

/** The heap of a thread, as far as the thread itself looks: when it has ended a chunk. */
export class ThreadHeap {
  readonly #control: ControlBlock;
  readonly #limitBytes: number;
  #measuredAt = -Infinity;

  /** `limitMb` is Infinity where there is no limit. */
  constructor(control: ControlBlock, limitMb: number) {
    this.#control = control;
    this.#limitBytes = limitMb * MEGABYTE;
  }

  /**
   * Tells the host how much is used: after each chunk where there is a limit, else where the last time is a second ago.
   * `now` is by `performance.now()`. True when it is over the limit, undefined where there is none.
   */
  measure(now: number): boolean | undefined {
    const limited = this.#limitBytes !== Infinity;
    if (!limited && now - this.#measuredAt < MEASURE_EVERY_MS) return undefined;
    this.#measuredAt = now;
    const usedBytes = getHeapStatistics().used_heap_size;
    this.#control.noteHeap(usedBytes);
    return limited ? usedBytes > this.#limitBytes : undefined;
  }
}
