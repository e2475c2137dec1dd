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
  // The main thread has the id of the process; the first number is nanoseconds on a core.
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}
