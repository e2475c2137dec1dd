import { expect } from 'vitest';
import type { FaultBench } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import { Trap } from '../../support/trap.js';
import { Gate } from '../../tasks/gate.js';
import type { Step } from '../../tasks/hazard.task.js';

/** A task that has completed and left a timer behind, which throws when the gate is open. */
async function leaveBehind(bench: FaultBench, gate: Gate) {
  const task = await bench.tasks.submit('single', { input: { strike: { act: 'leave', gate: gate.buffer } } });
  expect((await task.settled()).status).toBe('completed');
  return task;
}

/** The next task on that thread, in a step that lets timers run. */
async function reachLingering(bench: FaultBench, at: Step) {
  const gate = new Gate();
  const stray = await leaveBehind(bench, gate);
  const trap = new Trap(at, { act: 'linger', gate: gate.buffer });
  trap.release();
  const task = await bench.tasks.submit('hazard', { input: trap.input });
  await gate.arrived();
  return { stray, trap, task, throwIt: () => gate.open() };
}

/** It is as if nothing had happened, or the step is run once more. */
function hitsNobody(at: Step): Trial['run'] {
  return async (bench) => {
    const { stray, trap, task, throwIt } = await reachLingering(bench, at);
    throwIt();
    expect(await task.result()).toBe(trap.result);
    expect(task.record).toMatchObject({ attempt: 1, messages: [] });
    expect(trap.ended(at)).toBe(1);
    expect(stray.record.status).toBe('completed');
  };
}

export default {
  row: 'an error by what an earlier task left behind',
  // The next task is on the same thread.
  options: { threads: 1 },
  cells: {
    pending: {
      behaviour: 'hits nobody between two tasks; the settled task stays as it is, the next one runs',
      run: async (bench) => {
        const gate = new Gate();
        const stray = await leaveBehind(bench, gate);
        bench.tasks.pause();
        const next = await bench.submitFine();
        const gone = bench.watch.nextExit();
        gate.open();
        await gone;
        expect([stray.record.status, next.record.status]).toEqual(['completed', 'pending']);
        bench.tasks.resume();
        expect(await next.result()).toBe(6);
      },
    },
    plan: { behaviour: 'does not hit the next task, or that is planned again', run: hitsNobody('plan') },
    run: {
      behaviour: 'does not hit the next task, or its chunk is run again; nor does it hit one in one piece',
      run: async (bench) => {
        await hitsNobody('run')(bench);
        const gate = new Gate();
        const stray = await leaveBehind(bench, gate);
        const input = { strike: { act: 'linger', gate: gate.buffer } } as const;
        const task = await bench.tasks.submit('single', { input });
        await gate.arrived();
        gate.open();
        expect(await task.result()).toBe('done');
        expect(stray.record.status).toBe('completed');
      },
    },
    finish: { behaviour: 'does not hit the next task, or that is finished again', run: hitsNobody('finish') },
    cleanup: { behaviour: 'does not keep the next task from cleaning up', run: hitsNobody('cleanup') },
    cancelling: {
      behaviour: 'changes nothing for a task that was told to stop: it is cancelled',
      run: async (bench) => {
        const { task, trap, throwIt } = await reachLingering(bench, 'run');
        expect(task.cancel().status).toBe('cancelling');
        throwIt();
        expect((await task.settled()).status).toBe('cancelled');
        expect(trap.ended('cleanup')).toBe(1);
      },
    },
    closing: {
      behaviour: 'does not hit the task that close() waits for, and close() ends',
      run: async (bench) => {
        const { task, trap, throwIt } = await reachLingering(bench, 'run');
        const closed = bench.close();
        throwIt();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        expect(await task.result()).toBe(trap.result);
      },
    },
  },
} satisfies Scenario;
