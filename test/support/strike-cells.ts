import { expect } from 'vitest';
import type { Strike } from '../tasks/strike.js';
import type { FaultBench } from './fault-bench.js';
import type { Moment, Trial } from './fault-matrix.js';

/** A fault of the task's own code that ends the task wherever it strikes. */
export interface Blow {
  readonly strike: Strike;
  /** What the error that `result()` throws has to match. */
  readonly error: object;
  /** What `cleanup failed: …` has to say where it strikes there. */
  readonly note: string | RegExp;
}

/** What a row of blows has in common. */
export interface BlowRow {
  /** `'fails the task with TASK_FAILED'`: how the names of the tests begin. */
  readonly fails: string;
  readonly blows: readonly Blow[];
  /** Whether the thread on which it happened goes on. */
  readonly threadLives: boolean;
}

/** The trials of faults that a task's own code commits, each in every variant. */
export function strikeCells({ fails, blows, threadLives }: BlowRow): Record<Moment, Trial> {
  const thread = threadLives ? 'its thread goes on' : 'another thread takes the place of its own';
  const inStep = (step: 'plan' | 'run' | 'finish'): Trial['run'] => {
    return async (bench) => {
      for (const { strike, error } of blows) {
        const before = await bench.callTheRoll();
        const { task, trap } = await bench.reach(step, strike);
        trap.spring();
        await expect(task.result()).rejects.toMatchObject({ ...error, taskId: task.id });
        expect(trap.begun('cleanup')).toBe(1);
        await checkThreads(bench, before, threadLives);
      }
    };
  };
  return {
    pending: {
      behaviour: 'a task that waits behind it for the only thread is not touched, and runs',
      run: async (bench) => {
        for (const { strike, error } of blows) {
          const { task, trap } = await bench.reach('run', strike);
          const next = await bench.submit('run', null);
          next.trap.release();
          expect(next.task.record.status).toBe('pending');
          trap.spring();
          await expect(task.result()).rejects.toMatchObject(error);
          expect(await next.task.result()).toBe(next.trap.result);
          expect(next.task.record.attempt).toBe(1);
          expect(next.trap.begun('plan')).toBe(1);
        }
      },
    },
    plan: { behaviour: `${fails}; ${thread}`, run: inStep('plan') },
    run: { behaviour: `${fails} and stops its other chunks; ${thread}`, run: inStep('run') },
    finish: { behaviour: `${fails}; ${thread}`, run: inStep('finish') },
    cleanup: {
      behaviour: `leaves the outcome as it is, and the record tells of it; ${thread}`,
      run: async (bench) => {
        for (const { strike, note } of blows) {
          const before = await bench.callTheRoll();
          const { task, trap } = await bench.reach('cleanup', strike);
          trap.spring();
          expect(await task.result()).toBe(trap.result);
          const said = task.record.messages
            .map(({ text }) => text)
            .filter((text) => text.startsWith('cleanup failed: '));
          expect(said).toEqual([expect.stringMatching(note)]);
          await checkThreads(bench, before, threadLives);
        }
      },
    },
    cancelling: {
      behaviour: `a task that was told to stop is cancelled all the same, after its cleanup; ${thread}`,
      run: async (bench) => {
        for (const { strike } of blows) {
          const before = await bench.callTheRoll();
          const { task, trap } = await bench.reach('run', strike);
          expect(task.cancel().status).toBe('cancelling');
          trap.spring();
          expect((await task.settled()).status).toBe('cancelled');
          expect(trap.begun('cleanup')).toBe(1);
          await checkThreads(bench, before, threadLives);
        }
      },
    },
    closing: {
      behaviour: `${fails} while close() waits for it, and close() ends`,
      run: async (bench) => {
        bench.setThreads(Math.max(2, blows.length));
        const struck = await Promise.all(blows.map(({ strike }) => bench.reach('run', strike, { beside: false })));
        const closed = bench.close();
        for (const { trap } of struck) trap.spring();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        for (const [at, { error }] of blows.entries())
          await expect(struck[at]?.task.result()).rejects.toMatchObject(error);
      },
    },
  };
}

/** Whether the threads are the same as before; where one died it is another. */
async function checkThreads(bench: FaultBench, before: ReadonlySet<number>, same: boolean): Promise<void> {
  const after = await bench.callTheRoll();
  expect([...after].every((id) => before.has(id))).toBe(same);
}
