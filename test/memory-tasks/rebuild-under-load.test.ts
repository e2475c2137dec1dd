import { Worker } from 'node:worker_threads';
import { TaskManager } from 'treadle';
import { memoryTasks } from 'treadle/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../tasks/gate.js';
import type { BusyStoreData, BusyStoreReport } from '../tasks/busy-store.js';
import { closedAtEnd } from '../support/test-manager.js';
import { expectIndexMatchesRows, expectNoDebris, fill, temporaryPath } from '../support/memories.js';

/** Begins to write and search in a thread of its own; resolves once it is at it. The function ends it. */
async function busyStore(data: Omit<BusyStoreData, 'gate'>): Promise<() => Promise<BusyStoreReport>> {
  const gate = new Gate();
  const thread = new Worker(new URL('../dist/busy-store.js', import.meta.url), {
    workerData: { ...data, gate: gate.buffer },
  });
  onTestFinished(() => void thread.terminate());
  const report = new Promise<BusyStoreReport>((resolve, reject) => {
    thread.once('message', resolve).once('error', reject);
  });
  await Promise.race([gate.arrived(), report]);
  return () => {
    gate.open();
    return report;
  };
}

describe('while another connection writes and searches', () => {
  it.each([
    ['a full rebuild over 100,000 rows', 100_000, {}],
    ['a rebuild of one user', 3_000, { userId: 'user0' }],
  ])('%s fails no read and no write, and loses and doubles no row', async (_, rows, input) => {
    const path = temporaryPath();
    fill(path, rows, { users: 1, contentOf: (n) => `row${n} text` });
    const tasks = closedAtEnd(new TaskManager({ types: memoryTasks({ path }), threads: { max: 1 } }));
    const stop = await busyStore({ path, rows });
    const task = await tasks.submit('rebuild_fts_index', { input });
    const result = await task.result();
    const report = await stop();
    expect(report).toMatchObject({ misses: [], errors: [] });
    expect(report.writes).toBeGreaterThan(20);
    expect(report.searches).toBeGreaterThan(20);
    expect(result.rows).toBeGreaterThan(rows / 2);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });
});
