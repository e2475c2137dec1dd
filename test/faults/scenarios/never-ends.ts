import { expect } from 'vitest';
import { CLOSE_MS, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Strike } from '../../tasks/strike.js';

const TIMEOUT_MS = 5_000;
/** How long cleanup may take. */
const CLEANUP_MS = 30_000;

const BLOWS = [
  { act: 'hang', how: 'loop' },
  { act: 'hang', how: 'promise' },
] as const satisfies Strike[];

function timesOut(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    for (const blow of BLOWS) {
      const { task, trap } = await bench.reach(step, blow);
      trap.spring();
      bench.clock.advance(TIMEOUT_MS);
      expect(task.record).toMatchObject({ status: 'running', stopping: 'timeout' });
      bench.clock.advance(GRACE_MS);
      await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT', taskId: task.id });
      expect(trap.begun('cleanup')).toBe(1);
    }
  };
}

export default {
  row: 'never comes to an end',
  options: { policy: { timeoutMs: TIMEOUT_MS }, modules: 1 },
  cells: {
    pending: {
      behaviour: 'a task that waits behind it runs as soon as the time of the one before is up',
      run: async (bench) => {
        for (const blow of BLOWS) {
          const { task, trap } = await bench.reach('run', blow);
          const next = await bench.submitFine();
          trap.spring();
          bench.clock.advance(TIMEOUT_MS);
          expect(next.record.status).toBe('pending');
          bench.clock.advance(GRACE_MS);
          await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' });
          expect(await next.result()).toBe(6);
        }
      },
    },
    plan: {
      behaviour: 'fails the task with TASK_TIMEOUT and ends the thread; so it does with a module that loads for ever',
      run: async (bench) => {
        await timesOut('plan')(bench);
        const [module] = bench.modules;
        module?.stall();
        const started = new Promise((resolve) => void bench.tasks.once('running', resolve));
        const task = await bench.tasks.submit('doubtful0', { input: {} });
        await started;
        bench.clock.advance(TIMEOUT_MS);
        bench.clock.advance(GRACE_MS);
        await expect(task.result()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' });
      },
    },
    run: {
      behaviour: 'fails the task with TASK_TIMEOUT, ends the thread and stops the other chunks',
      run: timesOut('run'),
    },
    finish: { behaviour: 'fails the task with TASK_TIMEOUT and ends the thread', run: timesOut('finish') },
    cleanup: {
      behaviour: 'is ended by its own limit; the outcome stays as it is',
      run: async (bench) => {
        for (const blow of BLOWS) {
          const { task, trap } = await bench.reach('cleanup', blow);
          trap.spring();
          bench.clock.advance(CLEANUP_MS - 1);
          expect(task.record).toMatchObject({ status: 'running', stopping: null });
          bench.clock.advance(1);
          expect(await task.result()).toBe(trap.result);
          expect(task.record.messages.map(({ text }) => text)).toEqual([
            expect.stringMatching(/^cleanup failed: .* was ended/),
          ]);
        }
      },
    },
    cancelling: {
      behaviour: 'a task that was told to stop is cancelled after the grace',
      run: async (bench) => {
        for (const blow of BLOWS) {
          const { task, trap } = await bench.reach('run', blow);
          task.cancel();
          trap.spring();
          bench.clock.advance(GRACE_MS - 1);
          expect(task.record.status).toBe('cancelling');
          bench.clock.advance(1);
          expect((await task.settled()).status).toBe('cancelled');
        }
      },
    },
    closing: {
      behaviour: 'is cancelled at the deadline of close(), whose report names it',
      run: async (bench) => {
        const struck = await Promise.all(BLOWS.map((blow) => bench.reach('run', blow, { beside: false })));
        // Longer than the deadline: their own time must not be up before.
        expect(TIMEOUT_MS).toBeLessThan(CLOSE_MS);
        const closed = bench.tasks.close({ timeoutMs: TIMEOUT_MS - 1 });
        for (const { trap } of struck) trap.spring();
        bench.clock.advance(TIMEOUT_MS - 1);
        expect(await closed).toEqual({ cancelled: [], interrupted: struck.map(({ task }) => task.id), alive: [] });
        for (const { task } of struck) expect(task.record.status).toBe('cancelled');
        await bench.close();
      },
    },
  },
} satisfies Scenario;
