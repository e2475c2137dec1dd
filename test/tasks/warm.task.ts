import { threadId } from 'node:worker_threads';
import { type TaskContext, defineTask } from 'treadle/task';
import { Gate } from './gate.js';

interface Warm {
  made: SharedArrayBuffer;
  disposed: SharedArrayBuffer;
  gate?: SharedArrayBuffer;
}

/** Keeps something warm on its thread, counts how often it is made and disposed of, and returns the thread. */
export default defineTask((input: Warm, ctx: TaskContext): number => {
  ctx.perThread('thing', () => {
    new Gate(input.made).arrive();
    return { close: () => new Gate(input.disposed).arrive() };
  });
  if (input.gate !== undefined) new Gate(input.gate).pass();
  return threadId;
});
