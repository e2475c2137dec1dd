import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { nanoid } from 'nanoid';
import { type Clock, systemClock } from './clock.js';
import { invalidArgument, onlyKeys } from './errors.js';
import type { RecycleLimits } from './thread-wear.js';

/** How a {@link TaskManager} works. Every option has a default but `types`. */
export interface TaskManagerOptions<Types> {
  /** The task types that may be submitted, by name: `{ embed_batch: taskType(…) }`. */
  types: Types;
  /**
   * How many tasks may be in progress at once; the rest wait in the queue. One that was set aside for another owner's
   * does not count. Integer >= 1.
   * @default the environment variable TREADLE_MAX_CONCURRENT_TASKS, else the larger of 16 and 4 × threads.max
   */
  maxConcurrentTasks?: number;
  threads?: {
    /** How many worker threads there may be. Integer from 1 to 1,024. @default the number of cores */
    max?: number;
    /** A thread that did nothing for so long ends; the next work starts a new one. Milliseconds, or Infinity. @default 60_000 */
    idleMs?: number;
    /** Memory limits of each thread, as `node:worker_threads` has them. @default none */
    resourceLimits?: ResourceLimits;
    /**
     * How much is added to the nice value of worker threads, so that the event loop gets a core before them. Integer from
     * 0 to 19. Linux only: elsewhere, and where a sandbox forbids it, threads have the priority of the process. Threads
     * that native code starts on them inherit it.
     * @default 10: where other processes saturate the cores, threads still get a tenth of one; with 19 they would starve
     */
    nice?: number;
    /** When a thread is replaced by a new one, for the sake of code that leaks. @default never */
    recycle?: {
      /** After so many tasks; it happens between two tasks. Integer >= 1. @default no limit */
      afterTasks?: number;
      /**
       * When more of its heap is used after a chunk, garbage that is not collected yet included. Megabytes > 0, well
       * above what the tasks' modules and models take. @default no limit
       */
      heapMb?: number;
    };
  };
  queue?: {
    /** How many tasks may wait; one more is refused with `QUEUE_FULL`. Integer >= 0. @default 10_000 */
    max?: number;
    /**
     * How many tasks of one owner may wait; one more is refused with `QUEUE_FULL`. Tasks without an owner are not limited
     * by it. Integer >= 1, or Infinity. @default Infinity
     */
    maxPendingPerOwner?: number;
  };
  history?: {
    /** How many settled records are kept; the oldest go first. Integer >= 0. @default 10_000 */
    max?: number;
    /** How long completed and cancelled ones are kept. Milliseconds. @default 24 hours */
    completedTtlMs?: number;
    /** How long failed ones are kept. Milliseconds. @default 7 days */
    failedTtlMs?: number;
    /**
     * How much of what failed tasks worked on is kept to run them again (types with `keepInput: 'failed'`), roughly;
     * the oldest goes first, and one task's may be a sixteenth of it. Bytes. @default 64 MiB
     */
    inputBytes?: number;
  };
  /**
   * How long a task may go on after it was told to stop (cancel, timeout) before its thread is ended by force.
   * Milliseconds. A type may set its own. @default 2_000
   */
  cancelGraceMs?: number;
  /** How often the manager looks for what should not happen: see `reconciler`. Milliseconds, or Infinity. @default 10_000 */
  reconcileEveryMs?: number;
  /** Where the time comes from. @default the machine's clock */
  clock?: Clock;
  /** Makes the id of a task. @default nanoid */
  id?: () => string;
  /** Where the jitter of retries comes from: numbers from 0 (inclusive) to 1 (exclusive). @default Math.random */
  random?: () => number;
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly maxConcurrentTasks: number;
  readonly threads: {
    readonly max: number;
    readonly idleMs: number;
    readonly resourceLimits: ResourceLimits;
    readonly nice: number;
    readonly recycle: RecycleLimits;
  };
  readonly queue: { readonly max: number; readonly maxPendingPerOwner: number };
  readonly history: {
    readonly max: number;
    readonly completedTtlMs: number;
    readonly failedTtlMs: number;
    readonly inputBytes: number;
  };
  readonly cancelGraceMs: number;
  readonly reconcileEveryMs: number;
  readonly clock: Clock;
  readonly id: () => string;
  readonly random: () => number;
}

const KNOWN_OPTIONS = [
  'types',
  'maxConcurrentTasks',
  'threads',
  'queue',
  'history',
  'cancelGraceMs',
  'reconcileEveryMs',
  'clock',
  'id',
  'random',
] as const satisfies readonly (keyof TaskManagerOptions<unknown>)[];
const MIN_CONCURRENCY = 16;
const HOUR_MS = 3_600_000;
const CONCURRENCY_VARIABLE = 'TREADLE_MAX_CONCURRENT_TASKS';

/**
 * Checks the options of a manager and fills in the defaults; nothing else reads raw options.
 * @throws TreadleError INVALID_ARGUMENT for an unknown key or a value out of range.
 */
export function resolveOptions(options: TaskManagerOptions<unknown>): ResolvedOptions {
  onlyKeys('options', options, KNOWN_OPTIONS);
  const { threads = {}, queue = {}, history = {} } = options;
  onlyKeys('threads', threads, ['max', 'idleMs', 'resourceLimits', 'nice', 'recycle']);
  onlyKeys('queue', queue, ['max', 'maxPendingPerOwner']);
  onlyKeys('history', history, ['max', 'completedTtlMs', 'failedTtlMs', 'inputBytes']);
  for (const name of ['id', 'random'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== 'function') throw invalidArgument(name, 'a function', given);
  }

  const maxThreads = threadCount('threads.max', threads.max === undefined ? availableParallelism() : threads.max);
  return Object.freeze({
    maxConcurrentTasks: integer(
      'maxConcurrentTasks',
      options.maxConcurrentTasks,
      1,
      options.maxConcurrentTasks === undefined
        ? (concurrencyFromEnvironment() ?? Math.max(MIN_CONCURRENCY, 4 * maxThreads))
        : MIN_CONCURRENCY,
    ),
    threads: Object.freeze({
      max: maxThreads,
      idleMs: duration('threads.idleMs', threads.idleMs, 60_000),
      resourceLimits: checkResourceLimits(threads.resourceLimits),
      nice: niceness(threads.nice),
      recycle: resolveRecycle(threads.recycle),
    }),
    queue: Object.freeze({
      max: integer('queue.max', queue.max, 0, 10_000),
      maxPendingPerOwner: limit('queue.maxPendingPerOwner', queue.maxPendingPerOwner),
    }),
    history: Object.freeze({
      max: integer('history.max', history.max, 0, 10_000),
      completedTtlMs: duration('history.completedTtlMs', history.completedTtlMs, 24 * HOUR_MS),
      failedTtlMs: duration('history.failedTtlMs', history.failedTtlMs, 7 * 24 * HOUR_MS),
      inputBytes: integer('history.inputBytes', history.inputBytes, 0, 64 * 2 ** 20),
    }),
    cancelGraceMs: duration('cancelGraceMs', options.cancelGraceMs, 2_000),
    reconcileEveryMs: checkPeriod(options.reconcileEveryMs),
    clock: checkClock(options.clock),
    id: options.id ?? nanoid,
    random: options.random ?? Math.random,
  });
}

function checkPeriod(everyMs: unknown): number {
  if (everyMs === 0) throw invalidArgument('reconcileEveryMs', 'milliseconds > 0', everyMs);
  return duration('reconcileEveryMs', everyMs, 10_000);
}

const LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'] as const;

function checkResourceLimits(limits: ResourceLimits | undefined): ResourceLimits {
  if (limits === undefined) return {};
  onlyKeys('threads.resourceLimits', limits, LIMITS);
  for (const key of LIMITS) {
    const value: unknown = limits[key];
    if (value !== undefined && !(typeof value === 'number' && value > 0)) {
      throw invalidArgument(`threads.resourceLimits.${key}`, 'megabytes > 0', value);
    }
  }
  return Object.freeze({ ...limits });
}

const MAX_NICE = 19;

function niceness(value: unknown = 10): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_NICE) return value as number;
  throw invalidArgument('threads.nice', `an integer from 0 to ${MAX_NICE}`, value);
}

function resolveRecycle(recycle: { afterTasks?: number; heapMb?: number } = {}): RecycleLimits {
  onlyKeys('threads.recycle', recycle, ['afterTasks', 'heapMb']);
  const { afterTasks, heapMb = Infinity } = recycle;
  if (typeof heapMb !== 'number' || !(heapMb > 0))
    throw invalidArgument('threads.recycle.heapMb', 'megabytes > 0', heapMb);
  return Object.freeze({ afterTasks: integer('threads.recycle.afterTasks', afterTasks, 1, Infinity), heapMb });
}

/** The machine's clock where none was given. @throws TreadleError INVALID_ARGUMENT */
export function checkClock(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  const methods = ['now', 'monotonic', 'after', 'every'] as const;
  if (typeof clock !== 'object' || clock === null || methods.some((method) => typeof clock[method] !== 'function')) {
    throw invalidArgument('clock', `an object with the methods ${methods.join(', ')}`, clock);
  }
  return clock;
}

function concurrencyFromEnvironment(): number | undefined {
  const text = process.env[CONCURRENCY_VARIABLE];
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw invalidArgument(CONCURRENCY_VARIABLE, 'an integer >= 1', text);
  return value;
}

/** More threads would only take memory from each other. */
const MAX_THREADS = 1_024;

/** @throws TreadleError INVALID_ARGUMENT */
export function threadCount(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_THREADS) return value as number;
  throw invalidArgument(name, `an integer from 1 to ${MAX_THREADS}`, value);
}

/** An integer from `min` on, or the default where none was given and there is one. */
export function integer(name: string, value: unknown, min: number, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (!Number.isSafeInteger(value) || (value as number) < min)
    throw invalidArgument(name, `an integer >= ${min}`, value);
  return value as number;
}

/** An integer from 1 on; Infinity where none was given. */
function limit(name: string, value: unknown = Infinity): number {
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)) return value as number;
  throw invalidArgument(name, 'an integer >= 1, or Infinity', value);
}

/** Milliseconds from 0 on, Infinity included, or the default where none was given. */
export function duration(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= 0)) throw invalidArgument(name, 'milliseconds >= 0', value);
  return value;
}

/** How often progress is sampled from shared memory. */
export const SAMPLE_MS = 100;
/** Up to this size an input travels with each chunk; a larger one is serialised once. */
export const INLINE_INPUT_BYTES = 16_384;
/** The largest result a record keeps. */
export const MAX_RESULT_BYTES = 65_536;
/** The largest `meta`. */
export const MAX_META_BYTES = 4_096;
/** The longest `resourceId`, `group` and `owner`. */
export const MAX_KEY_LENGTH = 256;
/** How long `cleanup` may take before its thread is ended by force. */
export const CLEANUP_TIMEOUT_MS = 30_000;
/** The longest turn of the event loop that pulling items from an iterator may take. */
export const PULL_SLICE_MS = 5;
