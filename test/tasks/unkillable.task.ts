import { pbkdf2Sync } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type TaskContext, defineTask } from 'treadle/task';
import { Gate } from './gate.js';

/** Works until it is told to stop, or for ever; leaves it through a native call, and says so on standard output. */
export default defineTask(({ gate, deaf }: { gate: SharedArrayBuffer; deaf: boolean }, ctx: TaskContext): void => {
  new Gate(gate).arrive();
  for (;;) if (!deaf && ctx.signal.aborted) break;
  pbkdf2Sync('password', 'salt', 300_000, 64, 'sha512');
  // Past the stream of the thread, which needs the main thread.
  writeSync(1, 'left\n');
});
