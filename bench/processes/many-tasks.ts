/** Runs many tasks through a history of 10,000 and prints, as JSON, what memory they take: `node many-tasks.js <tasks> <samples>`. */
import assert from 'node:assert/strict';
import { TaskManager, taskModule, taskType } from 'treadle';
import { keepOutstanding } from '../runner/outstanding.js';
import { collectGarbage } from '../runner/own-process.js';
import { THREADS, builtModule } from '../runner/threads.js';
import type noOp from '../tasks/no-op.task.js';

/** What the process holds after so many tasks, each time after a collection. */
export interface MemorySample {
  readonly tasks: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

const HISTORY = 10_000;
const OUTSTANDING = 1_000;
const OWNERS = 10;

const [count, samples] = process.argv.slice(2).map(Number) as [number, number];
const taken: MemorySample[] = [];
await using manager = new TaskManager({
  types: { no_op: taskType(taskModule<typeof noOp>(builtModule('no-op.task'))) },
  threads: { max: THREADS },
  history: { max: HISTORY },
});
await manager.ready();
let done = 0;
let newest = '';
for (let round = 0; round < samples; round++) {
  await keepOutstanding(count / samples, OUTSTANDING, async () => {
    const at = done++;
    const task = await manager.submit('no_op', {
      input: at,
      resourceId: `document-${at}`,
      group: `import-${at % 1_000}`,
      owner: `tenant-${at % OWNERS}`,
      meta: { at },
    });
    assert.equal(await task.result(), at);
    newest = task.id;
  });
  // Few are of this group, so there is an index from the first of these calls on, and it is kept up.
  const page = manager.list({ owner: 'tenant-1', group: 'import-1' });
  assert.ok(page.records.length > 0 && page.records.every(({ group }) => group === 'import-1'));
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  taken.push({ tasks: done, heapBytes: heapUsed, rssBytes: rss });
}
const { total, completed, history } = manager.stats();
assert.deepEqual({ total, completed, history }, { total: count, completed: count, history: Math.min(count, HISTORY) });
assert.equal(manager.get(newest)?.status, 'completed');
process.stdout.write(JSON.stringify(taken));
