import { defineTask } from 'treadle/task';

export interface ProgressPace {
  readonly forMs: number;
  /** Calls of `ctx.progress` a millisecond, 0 for none. The thread is busy all the time either way. */
  readonly callsOfMs: number;
}

/** Calls as often as it is told to, and makes up for what it missed. Gives how many calls it made. */
export default defineTask(({ forMs, callsOfMs }: ProgressPace, ctx): number => {
  const startedAt = performance.now();
  const total = forMs * callsOfMs;
  let calls = 0;
  for (;;) {
    const passedMs = performance.now() - startedAt;
    const due = Math.min(total, Math.floor(passedMs) * callsOfMs);
    while (calls < due) ctx.progress(++calls, total);
    if (passedMs >= forMs && calls >= total) return calls;
  }
});
