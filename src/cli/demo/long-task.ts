import { setTimeout as delay } from 'node:timers/promises';
import type { DemoManager } from './demo-types.js';

/** How often that is shown, and how long each of the tasks runs before it is cancelled, in milliseconds. */
const TIMES = 5;
const CANCEL_AFTER_MS = 150;

/** More than any machine hashes within the demo. */
const ENDLESS_ROUNDS = 1e9;

/**
 * Starts tasks that would take minutes, one after the other, and cancels each in the middle of its loop.
 *
 * @returns how long each took from `cancel()` until no thread worked on it any more: sorted, in milliseconds.
 */
export async function cancelLongTasks(tasks: DemoManager): Promise<number[]> {
  const timesMs: number[] = [];
  while (timesMs.length < TIMES) {
    const task = await tasks.submit('hash_chain', { input: { rounds: ENDLESS_ROUNDS } });
    for await (const { status } of task.watch()) if (status !== 'pending') break;
    await delay(CANCEL_AFTER_MS);
    const cancelledMs = performance.now();
    task.cancel();
    const { status } = await task.settled();
    timesMs.push(performance.now() - cancelledMs);
    if (status !== 'cancelled') throw new Error(`Expected the long task to be cancelled, got ${status}`);
  }
  return timesMs.sort((a, b) => a - b);
}
