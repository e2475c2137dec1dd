import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import { type FaultBench, GRACE_MS } from '../../support/fault-bench.js';
import type { Scenario } from '../../support/fault-matrix.js';
import type { Breakage, ModuleFile } from '../../support/module-file.js';
import { NamedPipe } from '../../support/named-pipe.js';
import { Gate } from '../../tasks/gate.js';

const BREAKAGES = ['missing', 'syntax', 'throws', 'exits'] as const satisfies Breakage[];
/** One that the loading tells of, and one that it does not live to tell. */
const BOTH_KINDS = ['throws', 'exits'] as const satisfies Breakage[];
const failed = { code: 'TASK_MODULE_FAILED' } as const;

/** Each breakage with a type of its own that no thread has loaded, from the module `first` on. */
async function eachOf(
  breakages: readonly Breakage[],
  bench: FaultBench,
  first: number,
  body: (type: `doubtful${number}`, module: ModuleFile, how: Breakage) => Promise<void>,
): Promise<void> {
  for (const [at, how] of breakages.entries()) {
    const index = first + at;
    const module = bench.modules[index];
    if (module === undefined) throw new RangeError(`There is no module ${index}`);
    await body(`doubtful${index}`, module, how);
    // Repaired, it runs.
    module.repair();
    expect(await (await bench.tasks.submit(`doubtful${index}`, { input: {} })).result()).toBe(6);
  }
}

/** A task whose module is being loaded, and throws when `end` is called. */
async function reachLoading(bench: FaultBench, index: number) {
  const pipe = new NamedPipe(join(bench.folder, `pipe-${index}`));
  bench.modules[index]?.breakAfter(pipe.path);
  const task = await bench.tasks.submit(`doubtful${index}`, { input: {} });
  return { task, end: (await pipe.read()).end };
}

export default {
  row: 'its module is missing, broken, or ends threads',
  options: { modules: 11 },
  cells: {
    pending: {
      behaviour: 'a task of another type that waits behind it runs; after a repair so do those of the type',
      run: (bench) =>
        eachOf(BOTH_KINDS, bench, 0, async (type, module, how) => {
          const first = await bench.reach('run', null);
          module.break(how);
          const broken = await bench.tasks.submit(type, { input: {} });
          const next = await bench.submitFine();
          expect(next.record.status).toBe('pending');
          first.trap.release();
          await expect(broken.result()).rejects.toMatchObject(failed);
          expect(await next.result()).toBe(6);
        }),
    },
    plan: {
      behaviour: 'fails each task with TASK_MODULE_FAILED at its first chunk; repaired, the next one runs',
      run: (bench) =>
        eachOf(BREAKAGES, bench, 0, async (type, module, how) => {
          module.break(how);
          for (let round = 0; round < 2; round++) {
            const { task, trap } = await bench.submit('plan', null, { type });
            await expect(task.result()).rejects.toMatchObject({ ...failed, taskId: task.id });
            expect([trap.begun('plan'), trap.begun('cleanup')]).toEqual([0, 0]);
          }
        }),
    },
    run: {
      behaviour: 'fails the task with TASK_MODULE_FAILED where a second thread can not load it, and stops the first',
      run: (bench) =>
        eachOf(BOTH_KINDS, bench, 4, async (type, module, how) => {
          const [plan, run] = [new Gate(), new Gate()];
          const gates = { plan: plan.buffer, run: run.buffer };
          const task = await bench.tasks.submit(type, { input: { gates } });
          await plan.arrived();
          module.break(how);
          plan.open();
          // The first item stays on the thread that could load it, until the second has failed on the other one.
          await run.arrived();
          while (task.record.stopping === null) await turn();
          run.open();
          await expect(task.result()).rejects.toMatchObject(failed);
        }),
    },
    finish: {
      behaviour: 'fails the task with TASK_MODULE_FAILED where the thread of finish died and the next can not load it',
      run: (bench) =>
        eachOf(BOTH_KINDS, bench, 6, async (type, module, how) => {
          const { task, trap } = await bench.reach('finish', { act: 'exit', code: 3 }, { type, once: true, items: 1 });
          module.break(how);
          trap.spring();
          await expect(task.result()).rejects.toMatchObject(failed);
        }),
    },
    cleanup: {
      behaviour: 'leaves the outcome as it is where no thread can load it for the cleanup, and the record tells of it',
      run: (bench) =>
        eachOf(BOTH_KINDS, bench, 8, async (type, module, how) => {
          const { task, trap } = await bench.reach(
            'run',
            { act: 'hang', how: 'loop' },
            { type, items: 1, beside: false },
          );
          module.break(how);
          trap.spring();
          task.cancel();
          bench.clock.advance(GRACE_MS);
          expect((await task.settled()).status).toBe('cancelled');
          expect(task.record.messages.map(({ text }) => text)).toEqual([expect.stringMatching(/^cleanup failed: /)]);
          expect(trap.begun('cleanup')).toBe(0);
        }),
    },
    cancelling: {
      behaviour: 'the task ends when its module has thrown, though it was told to stop while that loaded',
      run: async (bench) => {
        const { task, end } = await reachLoading(bench, 10);
        expect(task.cancel().status).toBe('cancelling');
        await end();
        // Nothing of it has run, but there is more to know than that somebody cancelled it.
        expect(await task.settled()).toMatchObject({ status: 'failed', error: { code: failed.code } });
      },
    },
    closing: {
      behaviour: 'fails the task with TASK_MODULE_FAILED while close() waits for it, and close() ends',
      run: async (bench) => {
        const { task, end } = await reachLoading(bench, 0);
        const closed = bench.close();
        await end();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        await expect(task.result()).rejects.toMatchObject(failed);
      },
    },
  },
} satisfies Scenario;
