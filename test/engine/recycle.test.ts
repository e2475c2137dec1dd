import { TaskManager, type TaskManagerOptions, taskModule, taskType } from 'treadle';
import { describe, expect, it } from 'vitest';
import { builtTask, closedAtEnd } from '../support/test-manager.js';
import { Gate } from '../tasks/gate.js';
import type threadIds from '../tasks/thread-ids.task.js';
import type warm from '../tasks/warm.task.js';

function recycling(threads: NonNullable<TaskManagerOptions<never>['threads']>) {
  const tasks = closedAtEnd(
    new TaskManager({
      types: {
        warm: taskType(taskModule<typeof warm>(builtTask('warm'))),
        // Each item is a chunk of its own.
        ids: taskType(taskModule<typeof threadIds>(builtTask('thread-ids')), { chunk: { max: 1 } }),
      },
      threads,
    }),
  );
  const [made, disposed] = [new Gate(), new Gate()];
  const input = { made: made.buffer, disposed: disposed.buffer };
  const one = async (): Promise<number> => (await tasks.submit('warm', { input })).result();
  const batch = async (items: number[]): Promise<readonly number[]> => (await tasks.submit('ids', { items })).result();
  return { tasks, made, disposed, one, batch };
}

describe('threads.recycle.afterTasks', () => {
  it('replaces a thread after so many tasks, when it has disposed of what it keeps', async () => {
    const { one, made, disposed } = recycling({ max: 1, recycle: { afterTasks: 2 } });
    const ids = [await one(), await one(), await one(), await one(), await one()];
    expect([ids[1], ids[3]]).toEqual([ids[0], ids[2]]);
    expect(new Set(ids).size).toBe(3);
    expect([made.arrivals, disposed.arrivals]).toEqual([3, 2]);
  });

  it('counts a task once, however many chunks it has', async () => {
    const { one, batch } = recycling({ max: 1, recycle: { afterTasks: 1 } });
    const [first, second] = [await batch([0, 0, 0, 0, 0]), await batch([0, 0, 0])];
    expect([new Set(first).size, new Set(second).size]).toEqual([1, 1]);
    expect(new Set([...first, ...second, await one()]).size).toBe(3);
  });

  it('lets no task wait for ever, whoever else works', async () => {
    const { tasks, one, disposed } = recycling({ max: 2, recycle: { afterTasks: 1 } });
    const gate = new Gate();
    const busy = await tasks.submit('warm', {
      input: { made: new Gate().buffer, disposed: new Gate().buffer, gate: gate.buffer },
    });
    await gate.arrived();
    const ids = await Promise.all(Array.from({ length: 6 }, one));
    expect(new Set(ids).size).toBe(6);
    expect(tasks.stats().threads.live).toBeLessThanOrEqual(2);
    expect(busy.record.status).toBe('running');
    gate.open();
    expect(ids).not.toContain(await busy.result());
    await tasks.close();
    expect(disposed.arrivals).toBe(6);
  });
});

describe('threads.recycle.heapMb', () => {
  it('replaces a thread whose heap is larger after a chunk, and no other', async () => {
    const { batch } = recycling({ max: 1, recycle: { heapMb: 100 } });
    const [small, large, after] = [await batch([0, 0]), await batch([150, 0]), await batch([0])];
    expect(new Set(small).size).toBe(1);
    expect(large[0]).toBe(small[0]);
    expect(large[1]).not.toBe(small[0]);
    expect(after).toEqual([large[1]]);
  });
});
