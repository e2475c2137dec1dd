import { expect } from 'vitest';
import { type Scenario, impossible } from '../../support/fault-matrix.js';

const started = impossible('a task that waits has no step yet: from then on it is the cancel of the rows above');

export default {
  row: 'cancel, of a task that waits',
  options: { maxConcurrentTasks: 1 },
  cells: {
    pending: {
      behaviour: 'it never starts, and its neighbours keep their order',
      run: async (bench) => {
        const order: string[] = [];
        bench.tasks.on('running', ({ id }) => order.push(id));
        const first = await bench.reach('run', null);
        const [a, b, c] = [
          await bench.submit('run', null),
          await bench.submit('run', null),
          await bench.submit('run', null),
        ];
        expect(b.task.cancel()).toMatchObject({ status: 'cancelled', startedAt: null });
        expect(b.task.cancel()).toMatchObject({ status: 'cancelled' });
        for (const { trap } of [first, a, b, c]) trap.release();
        expect([await a.task.result(), await c.task.result()]).toEqual([6, 6]);
        expect(order).toEqual([first.task.id, a.task.id, c.task.id]);
        expect(bench.storyOf(b.task)).toEqual(['submitted', 'cancelled']);
        expect(b.trap.begun('plan')).toBe(0);
      },
    },
    plan: started,
    run: started,
    finish: started,
    cleanup: started,
    cancelling: impossible('goes from pending to cancelled at once: there is nobody to wait for'),
    closing: {
      behaviour: 'close() cancels what still waits, and reports just that; a cancel afterwards changes nothing',
      run: async (bench) => {
        const first = await bench.reach('run', null);
        const [a, b] = [await bench.submit('run', null), await bench.submit('run', null)];
        a.task.cancel();
        const closed = bench.close();
        expect(b.task.cancel()).toMatchObject({ status: 'cancelled', startedAt: null });
        first.trap.release();
        expect(await closed).toEqual({ cancelled: [b.task.id], interrupted: [], alive: [] });
        expect(bench.storyOf(b.task)).toEqual(['submitted', 'cancelled']);
      },
    },
  },
} satisfies Scenario;
