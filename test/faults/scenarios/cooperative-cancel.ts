import { expect } from 'vitest';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Strike } from '../../tasks/strike.js';

// No time passes here, so nothing is ended by force: each of them leaves because it was asked to.
const BLOWS = [
  { act: 'heed', how: 'ask' },
  { act: 'heed', how: 'listen' },
] as const satisfies Strike[];

function cancels(step: 'plan' | 'run' | 'finish'): Trial['run'] {
  return async (bench) => {
    const before = await bench.callTheRoll();
    for (const blow of BLOWS) {
      const { task, trap } = await bench.reach(step, blow);
      trap.spring();
      expect(task.cancel().status).toBe('cancelling');
      expect((await task.settled()).status).toBe('cancelled');
      await expect(task.result()).rejects.toMatchObject({ code: 'TASK_CANCELLED', taskId: task.id });
      expect(trap.begun('cleanup')).toBe(1);
    }
    expect(await bench.callTheRoll()).toEqual(before);
  };
}

export default {
  row: 'cancel, of work that heeds it',
  cells: {
    pending: {
      behaviour: 'a task that waits behind it runs on the same thread',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        for (const blow of BLOWS) {
          const { task, trap } = await bench.reach('run', blow);
          const next = await bench.submitFine();
          trap.spring();
          task.cancel();
          expect(await next.result()).toBe(6);
          expect(task.record.status).toBe('cancelled');
        }
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    plan: { behaviour: 'is cancelled, after its cleanup; the thread stays warm', run: cancels('plan') },
    run: {
      behaviour: 'is cancelled with its other chunks, after its cleanup; the threads stay warm',
      run: cancels('run'),
    },
    finish: { behaviour: 'is cancelled, after its cleanup; the thread stays warm', run: cancels('finish') },
    cleanup: {
      behaviour: 'comes too late and changes nothing: the outcome is known, and the cleanup is not disturbed',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        const { task, trap } = await bench.reach('cleanup', null);
        expect(task.cancel().status).toBe('running');
        trap.spring();
        expect(await task.result()).toBe(trap.result);
        expect(trap.ended('cleanup')).toBe(1);
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    cancelling: {
      behaviour: 'a second cancel changes nothing, and is told to nobody',
      run: async (bench) => {
        for (const blow of BLOWS) {
          const { task, trap } = await bench.reach('run', blow);
          const { status, updatedAt } = task.cancel();
          bench.clock.advance(1);
          expect(task.cancel()).toMatchObject({ status, updatedAt });
          trap.spring();
          expect((await task.settled()).status).toBe('cancelled');
          task.cancel();
          const told = bench.storyOf(task).filter((event) => event.startsWith('cancel'));
          expect(told).toEqual(['cancelling', 'cancelled']);
        }
      },
    },
    closing: {
      behaviour: 'is cancelled while close() waits for it, and close() ends before its deadline',
      run: async (bench) => {
        const struck = await Promise.all(BLOWS.map((blow) => bench.reach('run', blow, { beside: false })));
        const closed = bench.close();
        for (const { task, trap } of struck) {
          trap.spring();
          expect(task.cancel().status).toBe('cancelling');
        }
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        for (const { task } of struck) expect(task.record.status).toBe('cancelled');
      },
    },
  },
} satisfies Scenario;
