import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a process holds at one moment. */
export interface Holdings {
  /** Bytes, after a collection. */
  readonly heapBytes: number;
  /** Bytes of buffers outside the heap. */
  readonly bufferBytes: number;
  /** What keeps the process alive: how many of each kind. */
  readonly resources: ReadonlyMap<string, number>;
  /** Listeners on `process`: how many for each event. */
  readonly listeners: ReadonlyMap<string, number>;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage until no more comes of it, as finalizers run between collections. */
export async function collectGarbage(): Promise<void> {
  let before = Infinity;
  for (let round = 0; round < 10; round++) {
    collect();
    await new Promise((resolve) => void setImmediate(resolve));
    const { heapUsed } = process.memoryUsage();
    if (heapUsed > before * 0.999) return;
    before = heapUsed;
  }
}

export async function takeHoldings(): Promise<Holdings> {
  await collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return {
    heapBytes: heapUsed,
    bufferBytes: arrayBuffers,
    resources: countEach(process.getActiveResourcesInfo()),
    listeners: new Map(process.eventNames().map((name) => [String(name), process.listenerCount(name)])),
  };
}

/** What is there now and was not before, as sentences; the heap may grow by `heapSlackBytes`. */
export function leftBehind(before: Holdings, now: Holdings, heapSlackBytes: number): string[] {
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const grown = (name: string, was: number, is: number): string[] =>
    is - was > heapSlackBytes ? [`${name} was ${megabytes(was)} and is ${megabytes(is)}`] : [];
  return [
    ...more(before.resources, now.resources).map((what) => `keeps the process alive: ${what}`),
    ...more(before.listeners, now.listeners).map((what) => `listens on process: ${what}`),
    ...grown('the heap', before.heapBytes, now.heapBytes),
    ...grown('memory of buffers', before.bufferBytes, now.bufferBytes),
  ];
}

function more(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
  return [...now].flatMap(([name, count]) => {
    const was = before.get(name) ?? 0;
    return count > was ? [`${name}, ${count} instead of ${was}`] : [];
  });
}

function countEach(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
