import { expect } from 'vitest';
import { CLOSE_MS, type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';

const submitThree = (bench: FaultBench) => Promise.all(Array.from({ length: 3 }, () => bench.submitFine()));
const results = (tasks: readonly { result(): Promise<unknown> }[]) => Promise.all(tasks.map((task) => task.result()));

/** Nobody submits anything after the death, nor does time pass: the death itself has to move things on. */
function dies(at: 'plan' | 'run' | 'finish' | 'cleanup'): Trial['run'] {
  return async (bench) => {
    const { task, trap } = await bench.reach(at, { act: 'exit', code: 3 }, { once: true });
    const waiting = await submitThree(bench);
    trap.spring();
    expect(await results(waiting)).toEqual([6, 6, 6]);
    expect(await task.result()).toBe(trap.result);
  };
}

export default {
  row: 'the last thread dies while tasks wait',
  options: { threads: 1, maxConcurrentTasks: 1 },
  cells: {
    pending: {
      behaviour: 'they run when the thread died that had nothing to do',
      run: async (bench) => {
        await bench.callTheRoll();
        bench.tasks.pause();
        const waiting = await submitThree(bench);
        await Promise.all([...bench.watch.alive].map((worker) => worker.terminate()));
        expect(waiting.map(({ record }) => record.status)).toEqual(['pending', 'pending', 'pending']);
        bench.tasks.resume();
        expect(await results(waiting)).toEqual([6, 6, 6]);
      },
    },
    plan: { behaviour: 'the task is planned again, and they run', run: dies('plan') },
    run: { behaviour: 'the chunk is run again, and they run', run: dies('run') },
    finish: { behaviour: 'the task is finished again, and they run', run: dies('finish') },
    cleanup: { behaviour: 'the outcome stays as it is, and they run', run: dies('cleanup') },
    cancelling: {
      behaviour: 'they run when it was killed for a task that was told to stop',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', { act: 'hang', how: 'loop' });
        const waiting = await submitThree(bench);
        trap.spring();
        task.cancel();
        bench.clock.advance(GRACE_MS);
        expect(await results(waiting)).toEqual([6, 6, 6]);
        expect(task.record.status).toBe('cancelled');
      },
    },
    closing: {
      behaviour: 'close() ends, and the task it waits for is done on another thread, long before the deadline',
      run: async (bench) => {
        const before = bench.clock.now();
        const { task, trap } = await bench.reach('run', { act: 'exit', code: 3 }, { once: true });
        const waiting = await submitThree(bench);
        const closed = bench.close();
        trap.spring();
        expect(await closed).toEqual({ cancelled: waiting.map(({ id }) => id), interrupted: [], alive: [] });
        expect(await task.result()).toBe(trap.result);
        expect(bench.clock.now() - before).toBeLessThan(CLOSE_MS);
      },
    },
  },
} satisfies Scenario;
