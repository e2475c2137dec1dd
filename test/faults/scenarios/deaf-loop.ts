import { expect } from 'vitest';
import { type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Step } from '../../tasks/hazard.task.js';
import type { TrapOptions } from '../../support/trap.js';

const CLEANUP_MS = 30_000;

async function reachDeaf(bench: FaultBench, step: Step, options?: TrapOptions) {
  const deaf = await bench.reach(step, { act: 'hang', how: 'loop' }, options);
  deaf.trap.spring();
  return deaf;
}

function isKilled(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    const before = await bench.callTheRoll();
    const { task, trap } = await reachDeaf(bench, step);
    expect(task.cancel().status).toBe('cancelling');
    bench.clock.advance(GRACE_MS - 1);
    // The other thread stops by itself, and does a whole task meanwhile: this one was not ended early.
    expect(await (await bench.submitFine()).result()).toBe(6);
    expect(task.record.status).toBe('cancelling');
    bench.clock.advance(1);
    expect((await task.settled()).status).toBe('cancelled');
    expect(trap.begun('cleanup')).toBe(1);
    const now = await bench.callTheRoll();
    expect([...now].filter((id) => before.has(id))).toHaveLength(1);
  };
}

export default {
  row: 'cancel, of a loop that never looks',
  cells: {
    pending: {
      behaviour: 'a task that waits behind it runs when the thread was ended after the grace, not before',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'run');
        const next = await bench.submitFine();
        task.cancel();
        bench.clock.advance(GRACE_MS - 1);
        expect([task.record.status, next.record.status]).toEqual(['cancelling', 'pending']);
        bench.clock.advance(1);
        expect(await next.result()).toBe(6);
        expect(task.record.status).toBe('cancelled');
      },
    },
    plan: {
      behaviour: 'is cancelled when its thread was ended after the grace; the other thread lives',
      run: isKilled('plan'),
    },
    run: {
      behaviour: 'is cancelled when its thread was ended after the grace; its other chunk stops by itself',
      run: isKilled('run'),
    },
    finish: {
      behaviour: 'is cancelled when its thread was ended after the grace; the other thread lives',
      run: isKilled('finish'),
    },
    cleanup: {
      behaviour: 'comes too late: its thread is ended by the limit of cleanup, not by the grace; the outcome stays',
      run: async (bench) => {
        const { task, trap } = await reachDeaf(bench, 'cleanup');
        task.cancel();
        bench.clock.advance(CLEANUP_MS - 1);
        expect(await (await bench.submitFine()).result()).toBe(6);
        expect(task.record.status).toBe('running');
        bench.clock.advance(1);
        expect(await task.result()).toBe(trap.result);
      },
    },
    cancelling: {
      behaviour: 'a second cancel does not make the grace longer',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'run');
        task.cancel();
        bench.clock.advance(GRACE_MS - 1);
        task.cancel();
        bench.clock.advance(1);
        expect((await task.settled()).status).toBe('cancelled');
      },
    },
    closing: {
      behaviour: 'its thread is ended after the grace while close() waits, which is not the deadline that cut it short',
      run: async (bench) => {
        const { task } = await reachDeaf(bench, 'run', { beside: false });
        const closed = bench.close();
        task.cancel();
        bench.clock.advance(GRACE_MS);
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        expect(task.record.status).toBe('cancelled');
      },
    },
  },
} satisfies Scenario;
