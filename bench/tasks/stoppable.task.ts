import { type TaskContext, defineTask } from 'treadle/task';
import { SharedSignal } from '../runner/shared-signal.js';
import { keepBusy } from './busy.js';

/** What to run until it is cancelled. */
export interface Stoppable {
  /** Raised when the loop has begun. */
  begun: SharedArrayBuffer;
  /** Whether the loop asks every millisecond if it should stop, or never. */
  checks: boolean;
}

/** A synchronous loop without end. */
export default defineTask(({ begun, checks }: Stoppable, ctx: TaskContext): never => {
  new SharedSignal(begun).raise();
  for (;;) {
    keepBusy(1);
    if (checks) ctx.throwIfCancelled();
  }
});
