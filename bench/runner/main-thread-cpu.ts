import { readFileSync } from 'node:fs';

/** Where the number comes from. */
export const MAIN_THREAD_CPU: 'CPU time' | 'event-loop utilization' =
  process.platform === 'linux' ? 'CPU time' : 'event-loop utilization';

/**
 * Milliseconds of CPU that the main thread alone has used so far, from `/proc/self/task` (Linux). Elsewhere the
 * milliseconds that its event loop was active, which has the time in it that it waited for a core.
 */
export function mainThreadCpuMs(): number {
  if (MAIN_THREAD_CPU === 'event-loop utilization') return performance.eventLoopUtilization().active;
  return scheduledMs(0);
}

/** Milliseconds that it had something to do so far, and no core to do it on; null where that can't be known. */
export function mainThreadWaitMs(): number | null {
  return MAIN_THREAD_CPU === 'event-loop utilization' ? null : scheduledMs(1);
}

/** The main thread has the id of the process. Its numbers are nanoseconds: on a core, waiting for one. */
function scheduledMs(at: 0 | 1): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[at]) / 1e6;
}
