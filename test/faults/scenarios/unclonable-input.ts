import { expect } from 'vitest';
import type { FaultBench } from '../../support/fault-bench.js';
import type { Scenario } from '../../support/fault-matrix.js';
import { Trap } from '../../support/trap.js';
import type { Hazard, Step } from '../../tasks/hazard.task.js';

/** An input that can be cloned until it is armed: it goes with each chunk anew. */
async function reachArmed(bench: FaultBench, at: Step, items: number) {
  const trap = new Trap(at, null, { items, beside: at === 'run' && items > 1 });
  let armed = false;
  const input: Hazard & { readonly fuse: number } = {
    ...trap.input,
    get fuse() {
      if (armed) throw new RangeError('it burns');
      return 0;
    },
  };
  const task = await bench.tasks.submit('hazard', { input });
  await trap.reached();
  return {
    task,
    trap,
    spring: () => {
      armed = true;
      trap.spring();
    },
  };
}

// Further down than submit looks.
const deep = (): unknown => [...Array.from({ length: 1_000 }, () => 'filler'), () => 1];

const refused = { code: 'UNSERIALIZABLE' } as const;
const notes = (texts: readonly { readonly text: string }[]): string[] => texts.map(({ text }) => text);
const NOT_CLEANED_UP = 'cleanup failed: it could not be sent';

export default {
  row: "has an input that can't be cloned",
  cells: {
    pending: {
      behaviour: 'submit refuses it where it finds it; else the task waits, fails in its turn, and the next one runs',
      run: async (bench) => {
        const first = await bench.reach('run', null);
        const shallow = { fuse: () => 1 } as Hazard;
        await expect(bench.tasks.submit('hazard', { input: shallow })).rejects.toMatchObject(refused);
        expect(bench.tasks.stats().total).toBe(1);
        const task = await bench.tasks.submit('hazard', { input: { deep: deep() } as Hazard });
        const next = await bench.submitFine();
        expect(task.record.status).toBe('pending');
        first.trap.release();
        await expect(task.result()).rejects.toMatchObject({ ...refused, taskId: task.id });
        expect(await next.result()).toBe(6);
      },
    },
    plan: {
      behaviour: 'fails the task with UNSERIALIZABLE at its first chunk; there is nothing to clean up',
      run: async (bench) => {
        const before = await bench.callTheRoll();
        const trap = new Trap('run', null);
        trap.release();
        const task = await bench.tasks.submit('hazard', { input: { ...trap.input, deep: deep() } as Hazard });
        await expect(task.result()).rejects.toMatchObject(refused);
        expect([trap.begun('plan'), trap.begun('cleanup')]).toEqual([0, 0]);
        expect(await bench.callTheRoll()).toEqual(before);
      },
    },
    run: {
      behaviour: 'fails the task with UNSERIALIZABLE at the chunk that can not be sent, and stops those in flight',
      run: async (bench) => {
        const { task, spring } = await reachArmed(bench, 'run', 3);
        spring();
        await expect(task.result()).rejects.toMatchObject(refused);

        const trap = new Trap('run', null, { beside: true });
        const items = [0, 1, { deep: () => 1 } as unknown as number];
        const other = await bench.tasks.submit('hazard', { input: trap.input, items });
        await trap.reached();
        trap.spring();
        await expect(other.result()).rejects.toMatchObject(refused);
        expect(trap.begun('cleanup')).toBe(1);
      },
    },
    finish: {
      behaviour: 'fails the task with UNSERIALIZABLE when finish can not be sent',
      run: async (bench) => {
        const { task, trap, spring } = await reachArmed(bench, 'run', 1);
        spring();
        await expect(task.result()).rejects.toMatchObject(refused);
        expect([trap.begun('finish'), trap.begun('cleanup')]).toEqual([0, 0]);
        expect(notes(task.record.messages)).toEqual([NOT_CLEANED_UP]);
      },
    },
    cleanup: {
      behaviour: 'leaves the outcome as it is, and the record tells that nobody could clean up',
      run: async (bench) => {
        const { task, trap, spring } = await reachArmed(bench, 'finish', 3);
        spring();
        expect(await task.result()).toBe(trap.result);
        expect(notes(task.record.messages)).toEqual([NOT_CLEANED_UP]);
      },
    },
    cancelling: {
      behaviour: 'a task that was told to stop is cancelled all the same',
      run: async (bench) => {
        const { task, spring } = await reachArmed(bench, 'run', 3);
        expect(task.cancel().status).toBe('cancelling');
        spring();
        expect((await task.settled()).status).toBe('cancelled');
        expect(notes(task.record.messages)).toEqual([NOT_CLEANED_UP]);
      },
    },
    closing: {
      behaviour: 'fails the task with UNSERIALIZABLE while close() waits for it, and close() ends',
      run: async (bench) => {
        const { task, spring } = await reachArmed(bench, 'run', 3);
        const closed = bench.close();
        spring();
        expect(await closed).toEqual({ cancelled: [], interrupted: [], alive: [] });
        await expect(task.result()).rejects.toMatchObject(refused);
      },
    },
  },
} satisfies Scenario;
