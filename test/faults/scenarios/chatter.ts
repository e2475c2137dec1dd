import { expect } from 'vitest';
import type { Scenario, Trial } from '../../support/fault-matrix.js';
import type { Strike } from '../../tasks/strike.js';

const CHATTER = { act: 'chatter', messages: 20_000, steps: 300_000 } as const satisfies Strike;
const LAST = `message ${CHATTER.messages - 1}`;
/** What a record keeps. */
const MAX_MESSAGES = 50;
/** How often progress is looked at. */
const SAMPLE_MS = 100;

// That nothing is told of a task after its end is looked at after every trial.
function isHeard(step: 'plan' | 'run' | 'finish' | 'cleanup'): Trial['run'] {
  return async (bench) => {
    const { task, trap } = await bench.reach(step, CHATTER);
    bench.clock.advance(SAMPLE_MS);
    trap.release();
    expect(await task.result()).toBe(trap.result);
    // What was on its way still would come now.
    await bench.callTheRoll();
    bench.clock.advance(SAMPLE_MS);
    const { messages, progress } = task.record;
    expect(progress).toMatchObject({ itemsDone: 3, itemsTotal: 3, fraction: 1 });
    expect(messages.length).toBeLessThanOrEqual(MAX_MESSAGES);
    expect(messages.at(-1)?.text).toBe(LAST);
    // It is told in bundles of what a record keeps, ten a second; not one by one.
    expect(bench.storyOf(task).filter((event) => event === 'log').length).toBeLessThan(CHATTER.messages / 4);
  };
}

export default {
  row: 'tells more than anybody can hear',
  cells: {
    pending: {
      behaviour: 'a task that waits behind it hears nothing of it, and runs',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', CHATTER);
        const next = await bench.submitFine();
        trap.release();
        expect(await task.result()).toBe(trap.result);
        expect(await next.result()).toBe(6);
        expect(next.record).toMatchObject({ messages: [], progress: { itemsDone: 3, itemsTotal: 3 } });
      },
    },
    plan: {
      behaviour: 'the record keeps the last of it, progress is right, nothing comes after the end',
      run: isHeard('plan'),
    },
    run: {
      behaviour: 'the record keeps the last of it, progress is right, nothing comes after the end',
      run: isHeard('run'),
    },
    finish: {
      behaviour: 'the record keeps the last of it, progress is right, nothing comes after the end',
      run: isHeard('finish'),
    },
    cleanup: {
      behaviour: 'the record keeps the last of it, progress is right, nothing comes after the end',
      run: isHeard('cleanup'),
    },
    cancelling: {
      behaviour: 'a task that was told to stop is cancelled, with the last of it, and nothing comes after that',
      run: async (bench) => {
        const { task, trap } = await bench.reach('run', CHATTER);
        task.cancel();
        trap.spring();
        expect((await task.settled()).status).toBe('cancelled');
        expect(task.record.messages.at(-1)?.text).toBe(LAST);
        await bench.callTheRoll();
        bench.clock.advance(SAMPLE_MS);
      },
    },
    closing: {
      behaviour: 'close() waits until all of it was heard',
      run: async (bench) => {
        const { task, trap } = await bench.reach('cleanup', CHATTER);
        const closed = bench.close();
        trap.release();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        expect(task.record.messages.at(-1)?.text).toBe(LAST);
      },
    },
  },
} satisfies Scenario;
