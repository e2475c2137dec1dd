import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { builtModule } from './built-module.js';

export { builtModule } from './built-module.js';

/** How many threads every contestant has: the goals are for two cores. */
export const THREADS = 2;

/** Piscina as it comes, but for the number of threads. */
export function defaultPiscina(module: string): Piscina {
  return new Piscina({ filename: fileURLToPath(builtModule(module)), minThreads: THREADS, maxThreads: THREADS });
}

/**
 * Piscina with the options that Treadle gives it: threads that never block in `Atomics.wait` between two tasks, so that
 * timers and sockets of a task go on, and no histograms.
 */
export function piscinaWithOurOptions(module: string): Piscina {
  return new Piscina({
    filename: fileURLToPath(builtModule(module)),
    minThreads: THREADS,
    maxThreads: THREADS,
    atomics: 'disabled',
    recordTiming: false,
  });
}
