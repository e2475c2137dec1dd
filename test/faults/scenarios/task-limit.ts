import { TreadleError } from 'treadle';
import { expect } from 'vitest';
import type { FaultBench } from '../../support/fault-bench.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import { Trap } from '../../support/trap.js';
import type { Step } from '../../tasks/hazard.task.js';

const LIMIT = 3;
const MAX_WAITING = 40;
const SUBMITTED = 50;

/** All submit in one turn; their tasks stop in the same step, at one gate. Returns those that were taken on. */
async function submitFifty(bench: FaultBench, at: Step, taken: number) {
  const trap = new Trap(at, null, { items: 1 });
  const answers = await Promise.allSettled(
    Array.from({ length: SUBMITTED }, () => bench.tasks.submit('hazard', { input: trap.input })),
  );
  const tasks = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  expect(tasks).toHaveLength(taken);
  expect(refusals.map((error) => (error instanceof TreadleError ? error.code : error))).toEqual(
    Array.from({ length: SUBMITTED - taken }, () => 'QUEUE_FULL'),
  );
  return { trap, tasks };
}

async function reachLimit(bench: FaultBench, at: Step) {
  const { trap, tasks } = await submitFifty(bench, at, LIMIT + MAX_WAITING);
  await trap.gate.arrived(LIMIT);
  return { trap, tasks };
}

// That there never are more than three is looked at in each event.
function threeRun(at: Step): Trial['run'] {
  return async (bench) => {
    const { trap, tasks } = await reachLimit(bench, at);
    // The fourth thread has nothing to do, and yet nobody starts.
    expect(bench.tasks.stats()).toMatchObject({ running: LIMIT, pending: MAX_WAITING, threads: { busy: LIMIT } });
    expect(trap.begun('plan')).toBe(LIMIT);
    trap.release();
    const records = await Promise.all(tasks.map((task) => task.settled()));
    expect(records.filter(({ status }) => status === 'completed')).toHaveLength(tasks.length);
    expect(trap.ended('cleanup')).toBe(tasks.length);
  };
}

export default {
  row: 'fifty are submitted where three may run',
  options: { threads: 4, maxConcurrentTasks: LIMIT, queueMax: MAX_WAITING },
  cells: {
    pending: {
      behaviour: 'while nobody may start, the queue takes as many as it holds and refuses the rest',
      run: async (bench) => {
        bench.tasks.setMaxConcurrentTasks(LIMIT);
        bench.tasks.pause();
        const { trap, tasks } = await submitFifty(bench, 'run', MAX_WAITING);
        expect(bench.tasks.stats()).toMatchObject({ running: 0, pending: MAX_WAITING });
        trap.release();
        bench.tasks.resume();
        const records = await Promise.all(tasks.map((task) => task.settled()));
        expect(records.map(({ status }) => status)).toEqual(tasks.map(() => 'completed'));
      },
    },
    plan: { behaviour: 'three plan, the others wait or are refused; in the end all have run', run: threeRun('plan') },
    run: { behaviour: 'three run, the others wait or are refused; in the end all have run', run: threeRun('run') },
    finish: {
      behaviour: 'three finish, the others wait or are refused; in the end all have run',
      run: threeRun('finish'),
    },
    cleanup: {
      behaviour: 'three clean up, the others wait or are refused; in the end all have run',
      run: threeRun('cleanup'),
    },
    cancelling: {
      behaviour: 'three that were told to stop keep their slots until they have left',
      run: async (bench) => {
        const { trap, tasks } = await reachLimit(bench, 'run');
        const running = tasks.filter(({ record }) => record.status === 'running');
        expect(running.map((task) => task.cancel().status)).toEqual(['cancelling', 'cancelling', 'cancelling']);
        expect(bench.tasks.stats()).toMatchObject({ running: 0, cancelling: LIMIT, pending: MAX_WAITING });
        expect(trap.begun('plan')).toBe(LIMIT);
        trap.release();
        await Promise.all(tasks.map((task) => task.settled()));
        expect(running.map(({ record }) => record.status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
        expect(tasks.filter(({ record }) => record.status === 'completed')).toHaveLength(MAX_WAITING);
      },
    },
    closing: {
      behaviour: 'the three end, and those that wait are cancelled',
      run: async (bench) => {
        const { trap, tasks } = await reachLimit(bench, 'run');
        const closed = bench.close();
        trap.release();
        const { cancelled, interrupted, alive } = await closed;
        expect([cancelled.length, interrupted, alive]).toEqual([MAX_WAITING, [], []]);
        expect(tasks.filter(({ record }) => record.status === 'completed')).toHaveLength(LIMIT);
      },
    },
  },
} satisfies Scenario;
