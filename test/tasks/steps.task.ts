import { defineBatch } from 'treadle/task';
import { range } from 'treadle/task';
import { Gate } from './gate.js';

/** Which steps fail or wait; each step adds to its own counter. */
export interface Steps {
  /** Int32 counters: plan, run, finish, cleanup. */
  counters: SharedArrayBuffer;
  items: number;
  plan?: 'throw' | 'too-many' | 'odd';
  run?: 'throw' | 'gate';
  finish?: 'throw' | 'gate' | 'ignore-cancel';
  cleanup?: 'throw' | 'exit' | 'gate';
  gate?: SharedArrayBuffer;
}

export const COUNTERS = { plan: 0, run: 1, finish: 2, cleanup: 3 } as const;

function count(input: Steps, step: keyof typeof COUNTERS): void {
  Atomics.add(new Int32Array(input.counters), COUNTERS[step], 1);
}

/** Every step a batch can have. The result is the sum of the items 0 to `items`. */
export default defineBatch({
  plan: (input: Steps) => {
    count(input, 'plan');
    if (input.plan === 'throw') throw new Error('plan failed');
    if (input.plan === 'too-many') return Array.from({ length: 100_001 }, (_, at) => at);
    if (input.plan === 'odd') return 'odd' as unknown as number[];
    return range(0, input.items);
  },
  run: (items: readonly number[], _ctx, input: Steps) => {
    count(input, 'run');
    if (input.run === 'throw') throw new Error('run failed');
    if (input.run === 'gate' && input.gate !== undefined) new Gate(input.gate).pass();
    return items.reduce((sum, item) => sum + item, 0);
  },
  finish: (parts: number[], ctx, input: Steps) => {
    count(input, 'finish');
    if (input.finish === 'throw') throw new Error('finish failed');
    if (input.finish === 'gate' && input.gate !== undefined) {
      new Gate(input.gate).pass();
      ctx.throwIfCancelled();
    }
    if (input.finish === 'ignore-cancel' && input.gate !== undefined) new Gate(input.gate).pass();
    return parts.reduce((sum, part) => sum + part, 0);
  },
  cleanup: (_ctx, input: Steps) => {
    count(input, 'cleanup');
    if (input.cleanup === 'throw') throw new Error('cleanup failed');
    if (input.cleanup === 'exit') process.exit(1);
    if (input.cleanup === 'gate' && input.gate !== undefined) new Gate(input.gate).pass();
  },
});
