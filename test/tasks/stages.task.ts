import { type TaskContext, defineBatch, range } from 'treadle/task';
import { Gate } from './gate.js';
import { type Parcel, handle } from './parcel.js';

/** How a step fails the first times it is tried, counted as arrivals at a gate. */
export interface Flaw {
  tries: SharedArrayBuffer;
  failures: number;
  /** `spin` never returns, but ends when it is told to. @default 'throw' */
  how?: 'throw' | 'exit' | 'spin';
  /** Where a try that does not fail waits. */
  gate?: SharedArrayBuffer;
}

/** Which steps go wrong. */
export interface Stages {
  /** It plans so many numbers. */
  items?: number;
  plan?: Flaw;
  finish?: Flaw;
  /** Where it says that it was cleaned up. */
  cleaned?: SharedArrayBuffer;
  /** What each item tells `ctx.progress`. */
  progress?: number;
}

function stumble(flaw: Flaw | undefined, ctx: TaskContext): void {
  if (flaw === undefined) return;
  const tries = new Gate(flaw.tries);
  tries.arrive();
  if (tries.arrivals > flaw.failures) {
    if (flaw.gate !== undefined) new Gate(flaw.gate).pass();
    return;
  }
  if (flaw.how === 'exit') process.exit(9);
  if (flaw.how === 'spin') for (;;) ctx.throwIfCancelled();
  throw new Error(`try ${ctx.attempt} failed`);
}

/** Parcels in all the steps that a batch can have; the result is all that came through, in order. */
export default defineBatch({
  plan: (input: Stages, ctx) => {
    stumble(input.plan, ctx);
    return range(0, input.items ?? 0) as Iterable<Parcel> & ReturnType<typeof range>;
  },
  each: (parcel: Parcel, ctx, input: Stages) => {
    if (input.progress !== undefined) ctx.progress(input.progress);
    return handle(parcel);
  },
  finish: (parts: unknown[][], ctx, input: Stages) => {
    stumble(input.finish, ctx);
    return parts.flat();
  },
  cleanup: (_, input: Stages) => {
    if (input.cleaned !== undefined) new Gate(input.cleaned).arrive();
  },
});
