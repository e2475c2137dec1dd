import { expect } from 'vitest';
import { CLOSE_MS, type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';

const LONG_MS = 3_600_000;

/** Another task has run from start to end since: had a thread been ended, it would be gone by now. */
async function othersRun(bench: FaultBench): Promise<void> {
  expect(await (await bench.submitFine()).result()).toBe(6);
}

function isWaitedFor(step: 'plan' | 'run' | 'finish', status: 'cancelled' | 'completed'): Trial['run'] {
  return async (bench) => {
    const before = await bench.callTheRoll();
    const { task, trap } = await bench.reach(step, null);
    expect(task.cancel().status).toBe('cancelling');
    bench.clock.advance(LONG_MS);
    await othersRun(bench);
    expect(task.record.status).toBe('cancelling');
    trap.release();
    expect((await task.settled()).status).toBe(status);
    expect(trap.ended('cleanup')).toBe(1);
    expect(await bench.callTheRoll()).toEqual(before);
  };
}

export default {
  row: 'cancel, of work that must not be killed',
  options: { policy: { killable: false } },
  cells: {
    pending: {
      behaviour: 'a task that waits behind it waits until it has left by itself',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        const { task, trap } = await bench.reach('run', null);
        const next = await bench.submitFine();
        task.cancel();
        bench.clock.advance(LONG_MS);
        expect([task.record.status, next.record.status]).toEqual(['cancelling', 'pending']);
        trap.release();
        expect(await next.result()).toBe(6);
        expect(task.record.status).toBe('cancelled');
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    plan: {
      behaviour: 'stays cancelling until it has left by itself; its thread lives',
      run: isWaitedFor('plan', 'cancelled'),
    },
    run: {
      behaviour: 'stays cancelling until it has left by itself; its thread lives',
      run: isWaitedFor('run', 'cancelled'),
    },
    finish: {
      behaviour: 'is completed when it has finished all the same; its thread lives',
      run: isWaitedFor('finish', 'completed'),
    },
    cleanup: {
      behaviour: 'may clean up for as long as it takes',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        const { task, trap } = await bench.reach('cleanup', null);
        bench.clock.advance(LONG_MS);
        await othersRun(bench);
        expect(task.record.status).toBe('running');
        trap.release();
        expect(await task.result()).toBe(trap.result);
        expect(trap.ended('cleanup')).toBe(1);
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    cancelling: {
      behaviour: 'it is only asked, however often',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        const { task, trap } = await bench.reach('run', null);
        for (let round = 0; round < 3; round++) {
          task.cancel();
          bench.clock.advance(GRACE_MS);
        }
        await othersRun(bench);
        expect(task.record.status).toBe('cancelling');
        trap.release();
        expect((await task.settled()).status).toBe('cancelled');
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    closing: {
      behaviour: 'close() ends at its deadline, and names it as alive; it goes on until it has left by itself',
      run: async (bench) => {
        const { task, trap } = await bench.reach('finish', null);
        const closed = bench.close();
        bench.clock.advance(CLOSE_MS);
        expect(await bench.passTime(closed)).toEqual({ cancelled: [], interrupted: [task.id], alive: [task.id] });
        bench.clock.advance(LONG_MS);
        expect(task.record.status).toBe('cancelling');
        expect(bench.watch.alive.size).toBe(1);
        trap.release();
        expect(await task.result()).toBe(trap.result);
      },
    },
  },
} satisfies Scenario;
