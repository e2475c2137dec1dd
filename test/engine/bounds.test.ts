import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TaskManager, range, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import type fault from '../tasks/fault.task.js';
import { Gate } from '../tasks/gate.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('100,000 tasks through a history of 1,000', () => {
  it('leave the heap flat, and no task in progress is ever evicted', async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: { fault: taskType(taskModule<typeof fault>(builtTask('fault'))) },
        threads: { max: 2 },
        history: { max: 1_000 },
      }),
    );
    const gate = new Gate();
    const oldest = await tasks.submit('fault', { input: { action: 'gate', gate: gate.buffer } });
    await gate.arrived();

    async function runTasks(count: number): Promise<void> {
      const lanes = Array.from({ length: 200 }, async () => {
        for (let at = 0; at < count / 200; at++) {
          const task = await tasks.submit('fault', {
            input: { action: 'echo', value: at },
            group: `group ${at}`,
            meta: { at },
          });
          await task.settled();
        }
      });
      await Promise.all(lanes);
    }

    await runTasks(20_000);
    const before = heapUsed();
    await runTasks(80_000);
    const growth = heapUsed() - before;
    // A thousand records are about a megabyte; 80,000 that leaked would be eighty.
    expect(growth).toBeLessThan(4 * 2 ** 20);
    expect(tasks.stats()).toMatchObject({ total: 100_001, running: 1, pending: 0, history: 1_000, completed: 100_000 });
    expect(tasks.get(oldest.id)?.status).toBe('running');
    expect(tasks.list({ status: 'running' }).records.map((record) => record.id)).toEqual([oldest.id]);
    gate.open();
    expect((await oldest.settled()).status).toBe('completed');
  });
});

describe('fair turns', () => {
  it('start a small task behind a long batch while that goes on, and share the threads between two batches', async () => {
    const tasks = closedAtEnd(
      new TaskManager({
        types: { busy: taskType(taskModule<typeof import('../tasks/busy.task.js').default>(builtTask('busy'))) },
        threads: { max: 2 },
      }),
    );
    const stopped = new Gate();
    const endless = { untilOpen: stopped.buffer };
    const first = await tasks.submit('busy', { input: endless, items: range(0, 1_000_000) });
    const second = await tasks.submit('busy', { input: endless, items: range(0, 1_000_000) });
    const small = await tasks.submit('busy', { input: endless, items: [1] });
    await small.settled();
    expect(first.record.status).toBe('running');
    expect(second.record.status).toBe('running');
    // Both go on for as long as it takes to see a good share of work done.
    await new Promise<void>((resolve) => {
      tasks.on('progress', () => {
        if (first.record.progress.itemsDone + second.record.progress.itemsDone > 600) resolve();
      });
    });
    const [a, b] = [first.record.progress.itemsDone, second.record.progress.itemsDone];
    first.cancel();
    second.cancel();
    stopped.open();
    await Promise.all([first.settled(), second.settled()]);
    expect(Math.min(a, b) / Math.max(a, b)).toBeGreaterThan(0.6);
  });
});
