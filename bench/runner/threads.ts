import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';

/** How many threads every contestant has: the goals are for two cores. */
export const THREADS = 2;

/** A module that threads load, by its name in `bench/tasks` without the extension. */
export function builtModule(name: string): URL {
  return new URL(`../tasks/${name}.js`, import.meta.url);
}

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
