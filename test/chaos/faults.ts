import type { TreadleErrorCode } from 'treadle';

/** How a task may end. */
export type Ending = 'completed' | 'cancelled' | TreadleErrorCode;

/** Where in a task a fault strikes; `work` is the function of a one-piece task, or one item of a batch. */
export type Step = 'plan' | 'work' | 'finish' | 'cleanup';

/** What the ending of a faulty task depends on besides its fault. */
export interface Circumstances {
  readonly batch: boolean;
  readonly retries: number;
}

/** A fault of the menu. What it does on the thread stands in `tasks/strike.ts`, what it does to items in `item-feed.ts`. */
export interface Fault {
  /** How often beside the others. */
  readonly weight: number;
  /** How the task ends when nobody stops it; nothing where only stopping it ends it. */
  readonly ends: (circumstances: Circumstances) => readonly Ending[];
  /**
   * `code` strikes on the thread, `items` where the submitter's items come from, `input` in what is submitted.
   * @default 'code'
   */
  readonly strikes?: 'code' | 'items' | 'input';
  /** Only in one-piece tasks. */
  readonly onlyPiece?: boolean;
}

const always =
  (...endings: Ending[]) =>
  (): readonly Ending[] =>
    endings;
const never = always();

/** One attempt more than it needs: a thrown error costs a retry, a dead thread only where no batch pays for it. */
const afterThrow = ({ retries }: Circumstances): readonly Ending[] => (retries > 0 ? ['completed'] : ['TASK_FAILED']);
const afterDeath = ({ retries, batch }: Circumstances): readonly Ending[] =>
  retries > 0 || batch ? ['completed'] : ['WORKER_EXITED'];

/** Everything that can be wrong with a task. To add a fault: a line here, and what it does in `strike.ts`. */
export const FAULTS = {
  none: { weight: 70, ends: always('completed') },
  throw: { weight: 6, ends: always('TASK_FAILED') },
  'reject-late': { weight: 4, ends: always('TASK_FAILED') },
  'throw-once': { weight: 4, ends: afterThrow },
  exit: { weight: 2, ends: always('WORKER_EXITED') },
  'exit-once': { weight: 2, ends: afterDeath },
  'uncaught-error': { weight: 2, ends: always('WORKER_EXITED') },
  'unhandled-rejection': { weight: 1, ends: always('WORKER_EXITED') },
  'out-of-memory': { weight: 0.3, ends: always('WORKER_OUT_OF_MEMORY') },
  'unclonable-result': { weight: 3, ends: always('UNSERIALIZABLE') },
  'large-result': { weight: 2, ends: always('completed'), onlyPiece: true },
  hang: { weight: 2, ends: never },
  'never-settles': { weight: 2, ends: never },
  'waits-for-signal': { weight: 3, ends: never },
  'spins-until-told': { weight: 2, ends: never },
  'slow-native': { weight: 3, ends: always('completed') },
  chatter: { weight: 2, ends: always('completed') },
  'stale-context': { weight: 2, ends: always('completed') },
  // What is left behind may still hit the task that left it: in a later chunk, or before its answer has left.
  'stray-error': { weight: 2, ends: always('completed', 'WORKER_EXITED') },
  'stray-exit': { weight: 1, ends: always('completed', 'WORKER_EXITED') },
  'items-throw': { weight: 2, ends: always('TASK_FAILED'), strikes: 'items' },
  'items-unclonable': { weight: 2, ends: always('UNSERIALIZABLE'), strikes: 'items' },
  'items-without-end': { weight: 4, ends: never, strikes: 'items' },
  'items-never-come': { weight: 4, ends: never, strikes: 'items' },
  'input-unclonable': { weight: 1, ends: always('UNSERIALIZABLE'), strikes: 'input' },
  'input-unclonable-deep-inside': { weight: 1, ends: always('UNSERIALIZABLE'), strikes: 'input' },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

/** A fault by its name, with everything that a fault may say. */
export function faultOf(name: FaultName): Fault {
  return FAULTS[name];
}

/** Whether such a task ends only when it is stopped. */
export function needsStop(name: FaultName): boolean {
  return faultOf(name).ends({ batch: false, retries: 0 }).length === 0;
}
