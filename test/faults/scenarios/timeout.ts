import { expect } from 'vitest';
import type { Scenario, Trial } from '../../support/fault-matrix.js';

const TIMEOUT_MS = 5_000;

function timesOut(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    const before = await bench.callTheRoll();
    // Time that passed before its start does not count.
    bench.tasks.pause();
    const { task, trap } = await bench.submit(step, { act: 'heed', how: 'ask' }, { beside: step === 'run' });
    bench.clock.advance(2 * TIMEOUT_MS);
    bench.tasks.resume();
    await trap.reached();
    bench.clock.advance(TIMEOUT_MS - 1);
    expect(task.record).toMatchObject({ status: 'running', stopping: null });
    bench.clock.advance(1);
    // So it stays until the thread has left the work.
    expect(task.record).toMatchObject({ status: 'running', stopping: 'timeout' });
    trap.spring();
    await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT', details: { timeoutMs: TIMEOUT_MS } });
    expect(task.record.stopping).toBeNull();
    expect(trap.begun('cleanup')).toBe(1);
    expect(await bench.callTheRoll()).toEqual(before);
  };
}

export default {
  row: 'its time is up',
  options: { policy: { timeoutMs: TIMEOUT_MS } },
  cells: {
    pending: {
      behaviour: 'not while it waits: only the task that runs has used its time',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', null);
        const next = await bench.submit('run', null);
        bench.clock.advance(TIMEOUT_MS);
        expect(next.task.record).toMatchObject({ status: 'pending', stopping: null });
        trap.release();
        await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' });
        await next.trap.reached();
        bench.clock.advance(TIMEOUT_MS - 1);
        next.trap.release();
        expect(await next.task.result()).toBe(next.trap.result);
      },
    },
    plan: { behaviour: 'fails with TASK_TIMEOUT when the thread has left, which stays warm', run: timesOut('plan') },
    run: { behaviour: 'fails with TASK_TIMEOUT when all threads have left, which stay warm', run: timesOut('run') },
    finish: {
      behaviour: 'fails with TASK_TIMEOUT when the thread has left, which stays warm',
      run: timesOut('finish'),
    },
    cleanup: {
      behaviour: 'changes nothing any more: the outcome is known',
      run: async (bench) => {
        const { task, trap } = await bench.reach('cleanup', null);
        bench.clock.advance(TIMEOUT_MS);
        expect(task.record).toMatchObject({ status: 'running', stopping: null });
        trap.release();
        expect(await task.result()).toBe(trap.result);
        expect(trap.ended('cleanup')).toBe(1);
      },
    },
    cancelling: {
      behaviour: 'does not make a failure of a task that was told to stop before',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', { act: 'heed', how: 'ask' });
        task.cancel();
        bench.clock.advance(TIMEOUT_MS);
        trap.spring();
        expect((await task.settled()).status).toBe('cancelled');
      },
    },
    closing: {
      behaviour: 'fails with TASK_TIMEOUT while close() waits for it, and close() ends before its deadline',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', { act: 'heed', how: 'ask' });
        const closed = bench.close();
        bench.clock.advance(TIMEOUT_MS);
        trap.spring();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' });
      },
    },
  },
} satisfies Scenario;
