import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import { type BootFault, BootFaults } from '../../support/boot-faults.js';
import { type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import { hostProcess } from '../../support/host-process.js';
import type { Scenario, Trial } from '../../support/fault-matrix.js';

const FAULTS = ['throws', 'exits'] as const satisfies BootFault[];
// Piscina tries twice; then it has given up, and the pool has to be made anew.
const GIVEN_UP = 2;

async function untilLive(bench: FaultBench): Promise<void> {
  while (bench.tasks.stats().threads.live === 0) await turn();
}

/** The thread of a step dies, and the pool gives up on the one that should take its place. */
function diesTwice(at: 'plan' | 'run' | 'finish' | 'cleanup'): Trial['run'] {
  return async (bench) => {
    await bench.callTheRoll();
    for (const fault of FAULTS) {
      const { task, trap } = await bench.reach(at, { act: 'exit', code: 3 }, { once: true, beside: false });
      using faults = new BootFaults(fault, GIVEN_UP);
      trap.spring();
      expect(await bench.passTime(task.result())).toBe(trap.result);
      await bench.passTime(bench.callTheRoll());
      expect(faults.left).toBe(0);
    }
  };
}

export default {
  row: 'the thread that takes its place does not start',
  cells: {
    pending: {
      behaviour:
        'a waiting task runs once a pool made anew has a thread; when none starts at all it fails, and does not wait for ever',
      run: async (bench) => {
        for (const fault of FAULTS) {
          await bench.callTheRoll();
          bench.tasks.pause();
          const task = await bench.submitFine();
          using faults = new BootFaults(fault, GIVEN_UP);
          await Promise.all([...bench.watch.alive].map((worker) => worker.terminate()));
          bench.tasks.resume();
          expect(await bench.passTime(task.result())).toBe(6);
          expect(faults.left).toBe(0);
        }
        bench.tasks.pause();
        const hopeless = await bench.submitFine();
        using faults = new BootFaults('throws', Infinity);
        await Promise.all([...bench.watch.alive].map((worker) => worker.terminate()));
        bench.tasks.resume();
        const { error } = await bench.passTime(hopeless.settled());
        expect(error).toMatchObject({ code: 'WORKER_EXITED', message: 'this worker never comes up' });
        // It goes on trying, and until it succeeds there is no thread to be had.
        faults.left = 0;
        await bench.passTime(untilLive(bench));
        await bench.callTheRoll();
      },
    },
    plan: { behaviour: 'the task is planned again on another thread; the pool is made anew', run: diesTwice('plan') },
    run: {
      behaviour:
        'the chunk is run again on another thread; the pool is made anew; where there is no thread to be had the host lives',
      run: async (bench) => {
        await diesTwice('run')(bench);
        expect(await hostProcess('no-thread')).toEqual({
          ended: 'code 0',
          output: 'WORKER_EXITED\ndone\n',
          errors: '',
        });
      },
    },
    finish: {
      behaviour: 'the task is finished again on another thread; the pool is made anew',
      run: diesTwice('finish'),
    },
    cleanup: { behaviour: 'the outcome stays as it is; the pool is made anew', run: diesTwice('cleanup') },
    cancelling: {
      behaviour: 'a task whose thread had to be killed is cancelled at once; the pool is made anew',
      run: async (bench) => {
        for (const fault of FAULTS) {
          const { task, trap } = await bench.reach('run', { act: 'hang', how: 'loop' }, { items: 1, beside: false });
          using faults = new BootFaults(fault, GIVEN_UP);
          trap.spring();
          task.cancel();
          bench.clock.advance(GRACE_MS);
          expect((await task.settled()).status).toBe('cancelled');
          await bench.passTime(bench.callTheRoll());
          expect(faults.left).toBe(0);
        }
      },
    },
    closing: {
      behaviour: 'close() ends, and the task it waits for is done by a pool made anew',
      run: async (bench) => {
        bench.setThreads(1);
        const { task, trap } = await bench.reach('run', { act: 'exit', code: 3 }, { once: true, beside: false });
        using faults = new BootFaults('throws', GIVEN_UP);
        const closed = bench.tasks.close({ timeoutMs: Infinity });
        trap.spring();
        expect(await bench.passTime(closed)).toEqual({ cancelled: [], interrupted: [], alive: [] });
        expect(await task.result()).toBe(trap.result);
        expect(faults.left).toBe(0);
        await bench.close();
      },
    },
  },
} satisfies Scenario;
