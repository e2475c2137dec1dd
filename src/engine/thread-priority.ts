import { access } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

// Elsewhere the priority is the whole process's, and lowering it would lower the host with it.
const PER_THREAD = new Set<NodeJS.Platform>(['linux', 'android']);

/** The calling thread: Linux knows threads where POSIX says processes. */
const SELF = 0;

/**
 * Makes the calling thread so much nicer than it is, up to the nicest there is (setpriority(2)). What starts threads on
 * it from now on gives them the same. Does nothing where threads have no priority of their own, or where it is refused.
 */
export function lowerPriority(by: number): void {
  if (by === 0 || !PER_THREAD.has(process.platform)) return;
  // Whoever first asks libuv's pool for something starts its threads, and they serve the whole process.
  access('.', () => {});
  try {
    setPriority(SELF, Math.min(getPriority(SELF) + by, constants.priority.PRIORITY_LOW));
  } catch {
    // A sandbox may forbid it. The work is the same, only less polite.
  }
}
