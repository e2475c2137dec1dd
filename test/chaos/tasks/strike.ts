import { pbkdf2Sync } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskContext } from 'treadle/task';
import type { FaultName, Step } from '../faults.js';

/** The exit code of a thread that a task ended after its own end. */
export const STRAY_EXIT_CODE = 77;

/** What the code of a task is told. */
export interface Order {
  /** The number of the task. */
  readonly number: number;
  readonly fault: FaultName;
  readonly step: Step;
  /** The item that it strikes at. */
  readonly at: number;
  /** From 0 to 99: which one of several ways, how long. */
  readonly amount: number;
  /** Microseconds that an item takes. */
  readonly itemMicros: number;
  /** How many items `plan` makes. */
  readonly items: number;
  /** Makes an input large. */
  readonly padding: string;
  /** One Int32 that counts how often it struck; null for faults that need no count. */
  readonly struck: SharedArrayBuffer | null;
}

type Act = (order: Order, context: TaskContext) => unknown;

const never = (): Promise<never> => new Promise(() => {});
const stray = ({ number }: Order): Error => new Error(`stray error of task ${number}`);

/** What each fault does on the thread. Whatever it returns, or resolves to, stands in for the right value. */
const ACTS: Partial<Record<FaultName, Act>> = {
  throw: ({ number, amount }) => {
    const ways = [new RangeError(`task ${number} throws`), `task ${number} throws text`, null, undefined];
    throw ways[amount % ways.length];
  },
  'reject-late': async ({ number, amount }) => {
    await delay(1 + (amount % 10));
    throw new Error(`task ${number} rejects late`);
  },
  'throw-once': (order) => {
    if (isFirst(order)) throw new Error(`task ${order.number} throws once`);
  },
  exit: ({ amount }) => process.exit(amount % 4),
  'exit-once': (order) => (isFirst(order) ? process.exit(order.amount % 4) : undefined),
  'uncaught-error': ({ number }) => {
    setImmediate(() => {
      throw new Error(`nobody catches this of task ${number}`);
    });
    return never();
  },
  'unhandled-rejection': ({ number }) => {
    void Promise.reject(new Error(`nobody awaits this of task ${number}`));
    return never();
  },
  'out-of-memory': () => {
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
  },
  'unclonable-result': () => ({ deep: [() => 1] }),
  'large-result': ({ number }) => new Uint8Array(100_000).fill(number % 256),
  hang: () => {
    for (;;);
  },
  'never-settles': never,
  'waits-for-signal': ({ amount }, { signal }) =>
    new Promise((_, reject) => {
      const leave = (): void => reject(signal.reason as Error);
      // The flag and the event are two ways to learn of it.
      if (signal.aborted) leave();
      else signal.addEventListener('abort', amount % 2 === 0 ? leave : () => void setImmediate(leave));
    }),
  'spins-until-told': (_, context) => {
    for (;;) context.throwIfCancelled();
  },
  'slow-native': ({ amount }) => {
    pbkdf2Sync('password', 'salt', 1_000 + 400 * amount, 64, 'sha512');
  },
  chatter: ({ amount }, context) => {
    for (let at = 0; at < 10 * amount; at++) {
      context.log(`line ${at}`);
      context.progress(at, 10 * amount);
      context.stage(`stage ${at}`);
    }
  },
  'stale-context': ({ amount }, context) => {
    let left = amount;
    const timer = setInterval(() => {
      context.log('from the past');
      context.progress(1e6, 1);
      context.stage('past');
      if (left-- === 0) clearInterval(timer);
    }, 1);
  },
  'stray-error': (order) => {
    const fail = (): never => {
      throw stray(order);
    };
    if (order.amount % 4 === 0) setImmediate(fail);
    else setTimeout(fail, order.amount % 20);
  },
  'stray-exit': ({ amount }) => {
    setTimeout(() => process.exit(STRAY_EXIT_CODE), amount % 20);
  },
};

/** Lets the fault strike; undefined where the task should just go on. */
export function strike(order: Order, context: TaskContext): unknown {
  return ACTS[order.fault]?.(order, context);
}

/** Whether it is this item's turn. */
export function strikesAt(order: Order, item: number): boolean {
  return order.step === 'work' && item === order.at;
}

/** Works for the time that an item takes. */
export function spend(micros: number): void {
  const end = performance.now() + micros / 1_000;
  while (performance.now() < end);
}

function isFirst({ struck }: Order): boolean {
  if (struck === null) throw new TypeError('Expected a counter for a fault that strikes once');
  return Atomics.add(new Int32Array(struck), 0, 1) === 0;
}
