import { type TaskContext, defineTask } from 'treadle/task';

export interface ProgressCalls {
  /** What is called: nothing, `progress(done)`, or `progress(done, total)`. */
  readonly call: 'nothing' | 'done' | 'done and total';
  readonly blocks: number;
  readonly callsOfBlock: number;
}

const sink = new Float64Array(1);

/** Nanoseconds a call, block by block, the loop around the calls included. */
export default defineTask(({ call, blocks, callsOfBlock }: ProgressCalls, ctx): number[] => {
  const loop = LOOPS[call];
  const total = blocks * callsOfBlock;
  return Array.from({ length: blocks }, (_, block) => {
    const startedAt = performance.now();
    loop(ctx, block * callsOfBlock, (block + 1) * callsOfBlock, total);
    return ((performance.now() - startedAt) * 1e6) / callsOfBlock;
  });
});

type Loop = (ctx: TaskContext, from: number, to: number, total: number) => void;

const LOOPS: Readonly<Record<ProgressCalls['call'], Loop>> = {
  // A store, or there would be no loop left to time.
  nothing: (_ctx, from, to) => {
    for (let done = from; done < to; done++) sink[0] = done;
  },
  done: (ctx, from, to) => {
    for (let done = from; done < to; done++) ctx.progress(done + 1);
  },
  'done and total': (ctx, from, to, total) => {
    for (let done = from; done < to; done++) ctx.progress(done + 1, total);
  },
};
