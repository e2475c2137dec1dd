/** Prints, as JSON, what calls cost with so many tasks pending: `node pending-tasks.js <pending> <rounds>`. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { TaskManager, taskModule, taskType } from 'treadle';
import { collectGarbage } from '../runner/own-process.js';
import { THREADS, builtModule } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

/** Microseconds of the main thread a call, one number for each round. */
export type PendingCosts = Record<(typeof CALLS)[number], number[]>;

const CALLS = ['submit', 'cancel', 'run', 'get', 'list', 'filter', 'noMatch', 'page'] as const;
const AT_ONCE = 500;
const LISTS = 100;
const OWNERS = 10;
const EVERY_RARE = 97;

const [pending, rounds] = process.argv.slice(2).map(Number) as [number, number];
const costs = Object.fromEntries(CALLS.map((name) => [name, [] as number[]])) as PendingCosts;
await using manager = new TaskManager({
  types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
  threads: { max: THREADS },
  queue: { max: pending + 2 * AT_ONCE },
});
await manager.ready();
manager.pause();
const waiting = new Set<string>();
let submitted = 0;
let ran = 0;
let toRun = 0;
let allRun = (): void => {};
manager.onSettled(({ id, status, result }) => {
  waiting.delete(id);
  if (status !== 'completed') return;
  assert.equal(typeof result, 'number');
  if (++ran < toRun) return;
  manager.pause();
  // Those that were on their way are waited for.
  if (manager.stats().running === 0) allRun();
});

async function submit(count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const number = submitted++;
    const owner = number % EVERY_RARE === 0 ? 'rare' : `tenant-${number % OWNERS}`;
    const task = await manager.submit('no_op', { input: number, owner, resourceId: `document-${number}` });
    waiting.add(task.id);
  }
}

/** Ids from all over the queue. */
function someIds(count: number): string[] {
  const step = Math.max(1, Math.floor(waiting.size / count));
  return [...waiting].filter((_, at) => at % step === 0).slice(0, count);
}

function timed(call: keyof PendingCosts, count: number, work: () => void): void {
  const startedAt = performance.now();
  work();
  costs[call].push(((performance.now() - startedAt) * 1_000) / count);
}

/** Where a page begins that has as many before it as behind it. */
function middlePage(): string {
  let cursor = manager.list({ limit: 1 }).nextCursor as string;
  for (let seen = 1; seen < pending / 2; seen += 10) {
    cursor = manager.list({ limit: 10, cursor }).nextCursor as string;
  }
  return cursor;
}

async function round(): Promise<void> {
  // Half of them are cancelled again, and half are run, so that always as many wait.
  const count = Math.min(AT_ONCE, pending / 2);
  const startedAt = performance.now();
  await submit(2 * count);
  costs.submit.push(((performance.now() - startedAt) * 1_000) / (2 * count));

  const ids = someIds(count);
  timed('get', ids.length, () => {
    for (const id of ids) assert.equal(manager.get(id)?.status, 'pending');
  });
  timed('list', LISTS, () => {
    for (let at = 0; at < LISTS; at++) assert.equal(manager.list({ limit: 50 }).records.length, 50);
  });
  timed('filter', LISTS, () => {
    for (let at = 0; at < LISTS; at++) {
      const { records } = manager.list({ limit: 50, owner: 'rare', status: 'pending' });
      assert.ok(records.length > 0 && records.every(({ owner, status }) => owner === 'rare' && status === 'pending'));
    }
  });
  timed('noMatch', LISTS, () => {
    for (let at = 0; at < LISTS; at++) assert.equal(manager.list({ limit: 50, status: 'failed' }).records.length, 0);
  });
  const middle = middlePage();
  timed('page', LISTS, () => {
    for (let at = 0; at < LISTS; at++) assert.ok(manager.list({ limit: 50, cursor: middle }).records.length > 0);
  });
  timed('cancel', ids.length, () => {
    for (const id of ids) assert.equal(manager.cancel(id)?.status, 'cancelled');
  });

  ran = 0;
  toRun = count;
  const over = new Promise<void>((resolve) => {
    allRun = resolve;
  });
  const before = performance.eventLoopUtilization();
  manager.resume();
  await over;
  const { active } = performance.eventLoopUtilization(before);
  costs.run.push((active * 1_000) / ran);
}

await submit(pending);
// The first of them warm up.
for (let at = 0; at < 3; at++) await round();
for (const call of CALLS) costs[call] = [];
collectGarbage();
for (let at = 0; at < rounds; at++) await round();
process.stdout.write(JSON.stringify(costs));
await manager.close({ timeoutMs: 0 });
