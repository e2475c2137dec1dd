import { type TaskPolicy, type TaskType, taskModule, taskType } from 'treadle';
import type { Step } from './faults.js';

/** A task type of a run. */
export interface ChaosType {
  /** `tasks/<module>.task.ts` */
  readonly module:
    | 'piece'
    | 'tiny'
    | 'squares'
    | 'sums'
    | 'blocks'
    | 'totals'
    | 'silence'
    | 'unloadable'
    | 'exits-on-load'
    | 'slow-to-load';
  readonly policy: Pick<
    TaskPolicy,
    | 'timeoutMs'
    | 'expiresInMs'
    | 'retries'
    | 'backoff'
    | 'onItemError'
    | 'isolate'
    | 'parallelism'
    | 'concurrency'
    | 'killable'
    | 'chunk'
    | 'pack'
    | 'cancelGraceMs'
  >;
  /** How often beside the others. */
  readonly weight: number;
  /** The steps that a fault may strike. */
  readonly steps: readonly Step[];
  /** What loading its module does, where it does not just load. */
  readonly loading?: 'throws' | 'exits' | 'takes-long';
  /** Items that it takes; none is a one-piece task, `planned` ones may be left out. */
  readonly items: 'none' | 'given' | 'planned';
}

// So that many attempts fit into a run.
const SHORT_WAITS = { baseMs: 2, maxMs: 10 } as const;
const PIECE = { steps: ['work'], items: 'none' } as const;

/** Every kind of task under every kind of policy. */
export const CHAOS_TYPES = {
  tiny: { module: 'tiny', policy: {}, weight: 20, ...PIECE },
  piece: { module: 'piece', policy: {}, weight: 20, ...PIECE },
  piece_timed: { module: 'piece', policy: { timeoutMs: 150 }, weight: 10, ...PIECE },
  piece_retried: { module: 'piece', policy: { retries: 2, backoff: SHORT_WAITS }, weight: 8, ...PIECE },
  piece_expires: { module: 'piece', policy: { expiresInMs: 30 }, weight: 4, ...PIECE },
  piece_isolated: { module: 'piece', policy: { isolate: true }, weight: 2, ...PIECE },
  piece_alone: { module: 'piece', policy: { concurrency: 1 }, weight: 4, ...PIECE },
  piece_unkillable: { module: 'piece', policy: { killable: false }, weight: 3, ...PIECE },
  piece_without_grace: { module: 'piece', policy: { cancelGraceMs: 0 }, weight: 3, ...PIECE },
  tiny_packed: { module: 'tiny', policy: { pack: true }, weight: 20, ...PIECE },
  piece_packed: { module: 'piece', policy: { pack: true, chunk: { min: 5 } }, weight: 12, ...PIECE },
  piece_packed_timed: {
    module: 'piece',
    policy: { pack: true, timeoutMs: 150, retries: 1, backoff: SHORT_WAITS, chunk: { min: 20 } },
    weight: 8,
    ...PIECE,
  },
  piece_packed_expires: {
    module: 'piece',
    policy: { pack: true, expiresInMs: 30, concurrency: 1 },
    weight: 4,
    ...PIECE,
  },
  squares: { module: 'squares', policy: {}, weight: 9, steps: ['work'], items: 'given' },
  squares_timed: { module: 'squares', policy: { timeoutMs: 200 }, weight: 5, steps: ['work'], items: 'given' },
  squares_skipped: { module: 'squares', policy: { onItemError: 'skip' }, weight: 5, steps: ['work'], items: 'given' },
  squares_skipped_late: {
    module: 'squares',
    policy: { onItemError: 'skip', retries: 1, backoff: SHORT_WAITS },
    weight: 5,
    steps: ['work'],
    items: 'given',
  },
  blocks_skipped: {
    module: 'blocks',
    policy: { onItemError: 'skip', chunk: { max: 50 } },
    weight: 4,
    steps: ['work'],
    items: 'given',
  },
  sums: { module: 'sums', policy: {}, weight: 9, steps: ['plan', 'work', 'finish', 'cleanup'], items: 'planned' },
  sums_retried: {
    module: 'sums',
    policy: { retries: 1, backoff: SHORT_WAITS, parallelism: 2, chunk: { targetMs: 5 } },
    weight: 5,
    steps: ['plan', 'work', 'finish', 'cleanup'],
    items: 'planned',
  },
  unloadable: { module: 'unloadable', policy: {}, weight: 1, loading: 'throws', ...PIECE },
  exits_on_load: {
    module: 'exits-on-load',
    policy: { retries: 1, backoff: SHORT_WAITS },
    weight: 0.5,
    loading: 'exits',
    ...PIECE,
  },
  slow_to_load: { module: 'slow-to-load', policy: {}, weight: 2, loading: 'takes-long', ...PIECE },
  blocks: { module: 'blocks', policy: { chunk: { max: 50 } }, weight: 5, steps: ['work'], items: 'given' },
  totals: { module: 'totals', policy: {}, weight: 5, steps: ['plan', 'work', 'finish'], items: 'planned' },
  silence: { module: 'silence', policy: { concurrency: 2 }, weight: 3, steps: ['work'], items: 'given' },
} as const satisfies Readonly<Record<string, ChaosType>>;

export type ChaosTypeName = keyof typeof CHAOS_TYPES;

export const CHAOS_TYPE_NAMES: readonly ChaosTypeName[] = Object.keys(CHAOS_TYPES) as ChaosTypeName[];

/** A type by its name, with everything that a type may say. */
export function chaosType(name: ChaosTypeName): ChaosType {
  return CHAOS_TYPES[name];
}

/** The types as a manager takes them; `onSettled` is the hook of each. */
export function managedTypes(onSettled: TaskPolicy['onSettled'] & {}): Record<ChaosTypeName, TaskType<never>> {
  const types = CHAOS_TYPE_NAMES.map((name) => {
    const { module, policy } = chaosType(name);
    const url = new URL(`./tasks/${module}.task.js`, import.meta.url);
    return [name, taskType(taskModule<never>(url), { ...policy, onSettled })];
  });
  return Object.fromEntries(types) as Record<ChaosTypeName, TaskType<never>>;
}
