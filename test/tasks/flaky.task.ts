import { defineTask, permanent } from 'treadle/task';
import { Gate } from './gate.js';

/** How the first attempts of a task fail; it counts them in shared memory, because each may have a thread of its own. */
export interface Flaky {
  /** Where attempts are counted, as arrivals at a gate. */
  attempts: SharedArrayBuffer;
  /** So many attempts fail. */
  failures: number;
  how?: 'throw' | 'permanent' | 'exit' | 'hang';
  /** Where every attempt waits first. */
  gate?: SharedArrayBuffer;
}

/** Fails for a while; then returns the number of the attempt that got through. */
export default defineTask((input: Flaky, ctx) => {
  const attempts = new Gate(input.attempts);
  attempts.arrive();
  if (input.gate !== undefined) new Gate(input.gate).pass();
  if (attempts.arrivals > input.failures) return ctx.attempt;
  switch (input.how ?? 'throw') {
    case 'throw':
      throw new Error(`attempt ${ctx.attempt} failed`);
    case 'permanent':
      throw permanent(new RangeError(`attempt ${ctx.attempt} failed for good`));
    case 'exit':
      return process.exit(9);
    case 'hang':
      for (;;);
  }
});
