import { threadId } from 'node:worker_threads';
import { defineBatch, range } from 'treadle/task';
import { Gate } from './gate.js';
import { meet } from './meeting.js';
import { type Strike, strike } from './strike.js';

/** The steps of a task in which something can go wrong. */
export type Step = 'plan' | 'run' | 'finish' | 'cleanup';

/** What is to happen in which step. */
export interface Hazard {
  /** How many items there are. @default 3 */
  items?: number;
  /** A step that has a gate arrives there, and waits until it is open, before it strikes; `run` does with its item 0. */
  gates?: Partial<Record<Step, SharedArrayBuffer>>;
  /** Item 1 stays here until the gate is open or it is told to stop: the other chunk in flight. */
  beside?: SharedArrayBuffer | undefined;
  /** What goes wrong; in `run` it does at item 0. */
  strikes?: Partial<Record<Step, Strike>>;
  /** Only what is struck first is struck: where it is tried again, it goes well. */
  once?: boolean;
  /** Each item waits until so many others are there, which takes as many threads. The result is the threads' ids. */
  roll?: SharedArrayBuffer;
  /** Int32 cells, see {@link COUNTS}. */
  counts?: SharedArrayBuffer;
}

/** Cells of `counts`: how often a step began and ended (items 1 and on left out), and how often it was struck. */
export const COUNTS = { plan: 0, run: 1, finish: 2, cleanup: 3, ended: 4, struck: 8 } as const;

function count(input: Hazard, cell: number): number {
  return input.counts === undefined ? 0 : Atomics.add(new Int32Array(input.counts), cell, 1);
}

// The cell of a gate that opens it.
const OPEN = 1;
const LOOK_EVERY_MS = 1;

/** Arrives, waits, strikes. What a strike returns goes out in place of the step's own value. */
async function pass(step: Step, input: Hazard, ctx: Parameters<typeof strike>[1]): Promise<{ value: unknown } | null> {
  count(input, COUNTS[step]);
  const gate = input.gates?.[step];
  if (gate !== undefined) new Gate(gate).pass();
  const blow = input.strikes?.[step];
  const first = blow === undefined || count(input, COUNTS.struck) === 0;
  const struck = blow === undefined || (input.once === true && !first) ? null : await strike(blow, ctx);
  count(input, COUNTS.ended + COUNTS[step]);
  return struck;
}

/** Every step a batch can have, any of which goes wrong where it is told to. The result is twice the sum of its items. */
export default defineBatch({
  plan: async (input: Hazard, ctx) => {
    const struck = await pass('plan', input, ctx);
    return struck === null ? range(0, input.items ?? 3) : (struck.value as number[]);
  },
  each: async (item: number, ctx, input: Hazard) => {
    if (input.roll !== undefined) {
      meet(new Gate(input.roll), input.items ?? 1);
      return threadId;
    }
    if (item === 0) return ((await pass('run', input, ctx)) ?? { value: 0 }).value as number;
    if (item === 1 && input.beside !== undefined) {
      const gate = new Gate(input.beside);
      gate.arrive();
      while (!gate.isOpen) {
        ctx.throwIfCancelled();
        Atomics.wait(gate.cells, OPEN, 0, LOOK_EVERY_MS);
      }
    }
    return item * 2;
  },
  finish: async (parts: number[][], ctx, input: Hazard): Promise<unknown> => {
    if (input.roll !== undefined) return parts.flat();
    const struck = await pass('finish', input, ctx);
    return struck === null ? parts.flat().reduce((sum, part) => sum + part, 0) : struck.value;
  },
  cleanup: async (ctx, input: Hazard) => {
    // What it returns is looked at like any other value.
    return (await pass('cleanup', input, ctx))?.value as undefined;
  },
});
