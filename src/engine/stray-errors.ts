import type { Origins } from './origins.js';
import { type StrayMessage, serializeThrown } from './protocol.js';

/**
 * Swallows what code throws that a task has left behind, so that it does not end the thread under the next task. The
 * first such error is told: the host then replaces the thread. All other errors go their usual way and end it, unless
 * the task listens to `uncaughtException` itself.
 */
export function catchStrayErrors(origins: Origins, tell: (message: StrayMessage) => void): void {
  let told = false;
  let here = origins.here;
  const swallow = (error: unknown): void => {
    process.off('uncaughtException', swallow);
    if (told) return;
    told = true;
    tell({ stray: { type: here?.type ?? null, taskId: here?.taskId ?? null, error: serializeThrown(error) } });
  };
  // It comes before `uncaughtException`, whose listeners decide whether the thread lives. A listener that is there only
  // for a stray leaves Node's own end of a thread, and listeners of the user's, as they are.
  process.on('uncaughtExceptionMonitor', () => {
    process.off('uncaughtException', swallow);
    if (!origins.stray || process.listenerCount('uncaughtException') > 0) return;
    here = origins.here;
    process.on('uncaughtException', swallow);
  });
}
