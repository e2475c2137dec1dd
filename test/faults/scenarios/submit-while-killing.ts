import { expect } from 'vitest';
import { CLOSE_MS, type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Step } from '../../tasks/hazard.task.js';

const CLEANUP_MS = 30_000;

async function reachDeaf(bench: FaultBench, step: Step) {
  const deaf = await bench.reach(step, { act: 'hang', how: 'loop' });
  deaf.trap.spring();
  return deaf;
}

/** Those that come in the very moment in which a thread is being ended. */
async function bystandersRun(bench: FaultBench): Promise<void> {
  const tasks = await Promise.all(Array.from({ length: 4 }, () => bench.submitFine()));
  expect(await Promise.all(tasks.map((task) => task.result()))).toEqual([6, 6, 6, 6]);
  expect(tasks.map(({ record }) => record.attempt)).toEqual([1, 1, 1, 1]);
  for (const task of tasks) expect(bench.storyOf(task)).not.toContain('retrying');
}

function isUnaffected(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    for (let round = 0; round < 3; round++) {
      const { task } = await reachDeaf(bench, step);
      task.cancel();
      bench.clock.advance(GRACE_MS);
      await bystandersRun(bench);
      expect((await task.settled()).status).toBe('cancelled');
    }
  };
}

export default {
  row: 'another is submitted while its thread is killed',
  cells: {
    pending: {
      behaviour: 'those that wait for that thread, and those that come then, run on the one after it',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'run');
        const waiting = await bench.submitFine();
        task.cancel();
        bench.clock.advance(GRACE_MS);
        await bystandersRun(bench);
        expect(await waiting.result()).toBe(6);
        expect(task.record.status).toBe('cancelled');
      },
    },
    plan: { behaviour: 'it is unaffected', run: isUnaffected('plan') },
    run: { behaviour: 'it is unaffected', run: isUnaffected('run') },
    finish: { behaviour: 'it is unaffected', run: isUnaffected('finish') },
    cleanup: {
      behaviour: 'it is unaffected',
      run: async (bench) => {
        const { task, trap } = await reachDeaf(bench, 'cleanup');
        bench.clock.advance(CLEANUP_MS);
        await bystandersRun(bench);
        expect(await task.result()).toBe(trap.result);
      },
    },
    cancelling: {
      behaviour: 'it runs on another thread during the grace, and is unaffected when that is over',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'finish');
        task.cancel();
        bench.clock.advance(GRACE_MS - 1);
        const { task: bystander, trap } = await bench.reach('run', null, { beside: false });
        bench.clock.advance(1);
        expect((await task.settled()).status).toBe('cancelled');
        trap.release();
        expect(await bystander.result()).toBe(trap.result);
        expect([trap.begun('plan'), trap.begun('run')]).toEqual([1, 1]);
      },
    },
    closing: {
      behaviour: 'it is refused with CLOSED, and known to nobody; close() ends',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'run');
        const closed = bench.close();
        bench.clock.advance(CLOSE_MS);
        await expect(bench.submitFine()).rejects.toMatchObject({ code: 'CLOSED' });
        expect(await closed).toEqual({ cancelled: [], interrupted: [task.id], alive: [] });
        expect(task.record.status).toBe('cancelled');
        expect(bench.tasks.list().records.map(({ id }) => id)).toEqual([task.id]);
      },
    },
  },
} satisfies Scenario;
