import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskManager, taskModule, taskType } from 'treadle';
import { quantileFigure } from '../runner/figures.js';
import { pseudoRandom } from '../runner/pseudo-random.js';
import type { Effort, Measured, Row } from '../runner/row.js';
import { THREADS, builtModule } from '../runner/threads.js';
import type busyItems from '../tasks/busy-items.task.js';
import type startTime from '../tasks/start-time.task.js';

const BATCH_MS = 60_000;
const ITEM_MS = 5;
const GOAL = { atMost: 60 };

/** Row 8. */
export const startDelay: Row = {
  number: 8,
  question: 'Start of a small task behind a one-minute batch',
  goal: 'p99 at most 60 ms, with items of at most 5 ms and a slot free',
  about: `A batch that keeps all threads busy for a minute (items of 0.5 to 5 ms) is in progress. Small tasks are submitted at
irregular times, and the delay is the time from just before \`submit\` to the first line of the task on its thread, both
read from the clock that the threads of a process share. Beside it the same on an idle manager. The batch is cancelled once
the samples are taken; it must not have ended by then.`,
  shortfall: '',
  run,
};

type Manager = TaskManager<ReturnType<typeof types>>;

function types() {
  return {
    busy: taskType(taskModule<typeof busyItems>(builtModule('busy-items.task'))),
    start_time: taskType(taskModule<typeof startTime>(builtModule('start-time.task'))),
  };
}

async function run({ quick, rounds }: Effort): Promise<Measured> {
  const samples = quick ? 20 : 60;
  const random = pseudoRandom(8);
  const items = itemsOfMinute(random);
  await using manager: Manager = new TaskManager({ types: types(), threads: { max: THREADS } });
  await manager.ready();

  const idle: number[][] = [];
  const behind: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    idle.push(await delays(manager, samples, random));
    const batch = await manager.submit('busy', { items });
    // In progress on all threads: so many items can't have been done by the first small chunks.
    while (batch.record.progress.itemsDone < 100) await sleep(10);
    behind.push(await delays(manager, samples, random));
    assert.equal(batch.record.status, 'running');
    batch.cancel();
    assert.equal((await batch.settled()).status, 'cancelled');
  }
  return {
    config: { threads: THREADS, 'items of the batch': items.length, 'samples a round': samples },
    figures: [
      quantileFigure('p99 behind the batch', 'ms', 0.99, behind, GOAL),
      quantileFigure('p50 behind the batch', 'ms', 0.5, behind),
      quantileFigure('longest behind the batch', 'ms', 1, behind),
      quantileFigure('p50 on an idle manager', 'ms', 0.5, idle),
      quantileFigure('p99 on an idle manager', 'ms', 0.99, idle),
    ],
  };
}

async function delays(manager: Manager, count: number, random: () => number): Promise<number[]> {
  const delaysMs: number[] = [];
  for (let sample = 0; sample < count; sample++) {
    await sleep(5 + random() * 60);
    const submittedAt = process.hrtime.bigint();
    const task = await manager.submit('start_time');
    delaysMs.push(Number((await task.result()) - submittedAt) / 1e6);
  }
  return delaysMs;
}

/** Milliseconds of items that keep all threads busy for a minute. */
function itemsOfMinute(random: () => number): number[] {
  const items: number[] = [];
  for (let total = 0; total < BATCH_MS * THREADS; total += items.at(-1) as number) {
    items.push(ITEM_MS * (0.1 + 0.9 * random()));
  }
  return items;
}
