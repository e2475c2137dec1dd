import { expect } from 'vitest';
import type { FaultBench, Trapped } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Step } from '../../tasks/hazard.task.js';
import type { Strike } from '../../tasks/strike.js';

const RUNNING = 2;

async function twoAndTwo(
  bench: FaultBench,
  at: Step,
  strike: Strike | null,
): Promise<Record<'running' | 'waiting', Trapped[]>> {
  const reach = () => bench.reach(at, strike, { beside: false });
  const running = [await reach(), await reach()];
  const waiting = [await bench.submit(at, null), await bench.submit(at, null)];
  expect(bench.tasks.stats()).toMatchObject({ running: RUNNING, pending: waiting.length });
  return { running, waiting };
}

const idsOf = (tasks: readonly Trapped[]): string[] => tasks.map(({ task }) => task.id);
const statusesOf = (tasks: readonly Trapped[]): string[] => tasks.map(({ task }) => task.record.status);

function closes(at: Step): Trial['run'] {
  return async (bench) => {
    const { running, waiting } = await twoAndTwo(bench, at, null);
    const closed = bench.close();
    expect([statusesOf(running), statusesOf(waiting)]).toEqual([
      ['running', 'running'],
      ['cancelled', 'cancelled'],
    ]);
    await expect(bench.submitFine()).rejects.toMatchObject({ code: 'CLOSED' });
    for (const { trap } of running) trap.release();
    expect(await closed).toEqual({ cancelled: idsOf(waiting), interrupted: [], alive: [] });
    expect(statusesOf(running)).toEqual(['completed', 'completed']);
    expect(running.map(({ trap }) => trap.ended('cleanup'))).toEqual([1, 1]);
    expect(waiting.map(({ trap }) => trap.begun('plan'))).toEqual([0, 0]);
  };
}

export default {
  row: 'close() with two running and two waiting',
  options: { maxConcurrentTasks: RUNNING },
  cells: {
    pending: {
      behaviour: 'where all four wait, all are cancelled, nothing starts any more, and close() ends at once',
      run: async (bench) => {
        bench.tasks.pause();
        const waiting = [];
        for (let n = 0; n < 4; n++) waiting.push(await bench.submit('run', null));
        expect(await bench.close()).toEqual({ cancelled: idsOf(waiting), interrupted: [], alive: [] });
        expect(statusesOf(waiting)).toEqual(Array.from({ length: 4 }, () => 'cancelled'));
        expect(waiting.map(({ trap }) => trap.begun('plan'))).toEqual([0, 0, 0, 0]);
      },
    },
    plan: { behaviour: 'the two that plan may run to their end, those that wait are cancelled', run: closes('plan') },
    run: { behaviour: 'the two that run may run to their end, those that wait are cancelled', run: closes('run') },
    finish: { behaviour: 'the two that finish may do so, those that wait are cancelled', run: closes('finish') },
    cleanup: { behaviour: 'the two that clean up may do so, those that wait are cancelled', run: closes('cleanup') },
    cancelling: {
      behaviour: 'the two that were told to stop before are cancelled, and are not called interrupted',
      run: async (bench) => {
        const { running, waiting } = await twoAndTwo(bench, 'run', { act: 'heed', how: 'ask' });
        for (const { task } of running) task.cancel();
        const closed = bench.close();
        for (const { trap } of running) trap.spring();
        expect(await closed).toEqual({ cancelled: idsOf(waiting), interrupted: [], alive: [] });
        expect(statusesOf(running)).toEqual(['cancelled', 'cancelled']);
      },
    },
    closing: {
      behaviour: 'a second close() hurries the first: what never ends is cut short, and both reports name it',
      run: async (bench) => {
        const { running, waiting } = await twoAndTwo(bench, 'run', { act: 'hang', how: 'loop' });
        for (const { trap } of running) trap.spring();
        const closed = bench.close();
        const hurried = bench.tasks.close({ timeoutMs: 1_000 });
        bench.clock.advance(1_000);
        const report = { cancelled: idsOf(waiting), interrupted: idsOf(running), alive: [] };
        expect([await closed, await hurried]).toEqual([report, report]);
        expect(statusesOf(running)).toEqual(['cancelled', 'cancelled']);
      },
    },
  },
} satisfies Scenario;
