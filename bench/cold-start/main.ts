/**
 * A process that has loaded nothing yet: imports one library, named on the command line, and gets one result from a thread
 * of its. Prints a {@link ColdStart}.
 */

/** What it took from before the import until the result was there. */
export interface ColdStart {
  readonly ms: number;
  /** Processor time of the process, its threads included. */
  readonly cpuMs: number;
  readonly result: unknown;
}

type FirstResult = (argument: number) => PromiseLike<unknown>;

const LIBRARIES: Readonly<Record<string, () => Promise<FirstResult>>> = {
  treadle: async () => (await import('./treadle.js')).firstResult,
  piscina: async () => (await import('./piscina.js')).firstResult,
  tinypool: async () => (await import('../peers/tinypool.js')).tinypool(1).run,
  workerpool: async () => (await import('../peers/workerpool.js')).workerpool(1).run,
  poolifier: async () => (await import('../peers/poolifier.js')).poolifier(1).run,
  'jest-worker': async () => (await import('../peers/jest-worker.js')).jestWorker(1).run,
};

async function main([library = '', argument]: readonly string[]): Promise<void> {
  const load = LIBRARIES[library];
  if (load === undefined) throw new RangeError(`Expected one of ${Object.keys(LIBRARIES).join(', ')}, got ${library}`);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const firstResult = await load();
  const result = await firstResult(Number(argument));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, result } satisfies ColdStart));
  process.exit();
}

await main(process.argv.slice(2));
