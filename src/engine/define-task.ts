/**
 * What a task module is made of. Worker threads load it, so it stays light.
 *
 * @module treadle/task
 */
import { describeValue } from './errors.js';

export { transfer } from './transfer.js';

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** Whole numbers `from` (inclusive) to `to` (exclusive): items that cost nothing to hold or to send. */
export interface Range extends Iterable<number> {
  readonly from: number;
  readonly to: number;
}

const RANGE = Symbol.for('treadle.range');
const DEFINITION = Symbol.for('treadle.definition');
const PERMANENT = Symbol.for('treadle.permanent');

/**
 * Items that are the whole numbers from `from` (inclusive) to `to` (exclusive).
 *
 * @example range(0, 1_000_000)
 * @throws TypeError when a bound is not a safe integer or `to` is below `from`.
 */
export function range(from: number, to: number): Range {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || to < from) {
    throw new TypeError(
      `Expected \`range\` to be given safe integers from <= to, got ${describeValue(from)} and ${describeValue(to)}`,
    );
  }
  return {
    from,
    to,
    *[Symbol.iterator]() {
      for (let at = from; at < to; at++) yield at;
    },
    [RANGE]: true,
  } as Range;
}

/** True for what {@link range} returned. */
export function isRange(value: unknown): value is Range {
  return typeof value === 'object' && value !== null && RANGE in value;
}

/**
 * Marks an error as one that another attempt would only meet again: the work is not retried. Returns the same error.
 *
 * @example throw permanent(new Error('No such model'));
 * @throws TypeError when it is given no object.
 */
export function permanent<Thrown extends object>(error: Thrown): Thrown {
  if ((typeof error !== 'object' && typeof error !== 'function') || error === null) {
    throw new TypeError(`Expected \`permanent\` to be given an error, got ${describeValue(error)}`);
  }
  Object.defineProperty(error, PERMANENT, { value: true, configurable: true });
  return error;
}

/** True for what {@link permanent} returned, also by another copy of this package. */
export function isPermanent(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && (thrown as { [PERMANENT]?: unknown })[PERMANENT] === true;
}

/** What a function of a task module is given besides its input. */
export interface TaskContext<Data = unknown> {
  /** The id of the task, as its record has it. */
  readonly taskId: string;
  /** 1 for the first try of this work, 2 for the second, and so on. */
  readonly attempt: number;
  /** The `data` of the task type: a path, a model name. Sent to each thread once. */
  readonly data: Data;
  /** Aborted when this work should stop. Pass it to `fetch` and the like. */
  readonly signal: AbortSignal;
  /**
   * Says how far the work is: `done` of `total`, in any unit. Costs one store into shared memory, so call it as often
   * as you like. In a batch the unit is items of the present chunk, and `total` is ignored.
   */
  progress(done: number, total?: number): void;
  /** Names what is being done now: `'reading'`, `'indexing'`. Shown in the record. */
  stage(name: string): void;
  /** Adds a message to the record (the last 50 are kept) and emits it as a `log` event on the host. */
  log(message: string): void;
  /** Throws when this work should stop. About 10 ns: call it in long synchronous loops. */
  throwIfCancelled(): void;
  /**
   * What a thread keeps warm between chunks and tasks: a database connection, a model. `factory` runs once per thread
   * and key; its time does not count as cost of items. What it returns is disposed of (`Symbol.asyncDispose`,
   * `Symbol.dispose` or `close()`) when the thread retires, and dropped with a thread that is killed.
   */
  perThread<T>(key: string, factory: () => T): T;
}

/** Work in one piece. */
export interface TaskDefinition<Input, Result, Data = unknown> {
  readonly kind: 'task';
  readonly run: (input: Input, context: TaskContext<Data>) => Awaitable<Result>;
  /** Carries the types; never present at run time. */
  readonly types?: { input: Input; item: never; result: Result; data: Data; items: 'none' };
}

/** Work on items, cut into chunks by the engine. */
export interface BatchDefinition<Input, Item, Result, Data = unknown, Planned extends boolean = boolean> {
  readonly kind: 'batch';
  readonly steps: BatchSteps;
  /** Carries the types; never present at run time. */
  readonly types?: {
    input: Input;
    item: Item;
    result: Result;
    data: Data;
    items: Planned extends true ? 'optional' : 'required';
  };
}

/** The steps of a batch with their types erased, as the worker calls them. */
export interface BatchSteps {
  readonly plan?: (input: unknown, context: TaskContext) => Awaitable<readonly unknown[] | Range>;
  readonly each?: (item: unknown, context: TaskContext, input: unknown) => unknown;
  readonly run?: (items: readonly unknown[], context: TaskContext, input: unknown) => unknown;
  readonly finish?: (parts: readonly unknown[], context: TaskContext, input: unknown) => unknown;
  readonly cleanup?: (context: TaskContext, input: unknown) => unknown;
}

interface Plan<Input, Item, Data> {
  /**
   * Returns the items when the submitter gave none: an array of at most 100,000 light items, or a range. It must
   * tolerate what an earlier, killed run left behind.
   */
  plan: (input: Input, context: TaskContext<Data>) => Awaitable<readonly Item[] | (Range & Iterable<Item>)>;
}

interface NoPlan {
  plan?: undefined;
}

interface Ends<Part, Result, Input, Data> {
  /** Makes the result, on one thread, from what each chunk returned, in the order of the items. */
  finish?: (parts: Part[], context: TaskContext<Data>, input: Input) => Awaitable<Result>;
  /** Runs once after all else, whatever the outcome; never changes it. */
  cleanup?: (context: TaskContext<Data>, input: Input) => Awaitable<void>;
}

interface Each<Item, Output, Input, Data> {
  /** Does one item. The engine owns the loop: progress, cancel and the time box come for free. */
  each: (item: Item, context: TaskContext<Data>, input: Input) => Awaitable<Output>;
  run?: undefined;
}

interface Run<Item, Part, Input, Data> {
  /**
   * Does a chunk at once. Returns an array of one result per item, or nothing at all; anything where there is a
   * `finish`. It must be idempotent: a chunk may run twice, when a thread dies after its work and before its answer.
   */
  run: (items: readonly Item[], context: TaskContext<Data>, input: Input) => Awaitable<Part>;
  each?: undefined;
}

/**
 * Defines work in one piece: the default export of a task module.
 *
 * @example export default defineTask((input: { n: number }, ctx) => fibonacci(input.n));
 * @throws TypeError when `run` is not a function.
 */
export function defineTask<Input = undefined, Result = unknown, Data = unknown>(
  run: (input: Input, context: TaskContext<Data>) => Awaitable<Result>,
): TaskDefinition<Input, Result, Data> {
  if (typeof run !== 'function')
    throw new TypeError(`Expected \`defineTask\` to be given a function, got ${describeValue(run)}`);
  return { [DEFINITION]: true, kind: 'task', run } as TaskDefinition<Input, Result, Data>;
}

/**
 * Defines work on items: the default export of a task module. Give `each` (one item) or `run` (a chunk at once);
 * `plan` where the items are not the submitter's to give; `finish` to make one result of all parts; `cleanup`.
 * Without `finish` the result is one value per item, in order.
 *
 * @example export default defineBatch({ each: (text: string) => fingerprint(text) });
 * @throws TypeError when a step is unknown or not a function, or when `each` and `run` are both or neither given.
 */
export function defineBatch<Item, Output, Result = Output[], Input = undefined, Data = unknown>(
  steps: Plan<Input, Item, Data> & Each<Item, Output, Input, Data> & Ends<Output[], Result, Input, Data>,
): BatchDefinition<Input, Item, Result, Data, true>;
export function defineBatch<Item, Output, Result = Output[], Input = undefined, Data = unknown>(
  steps: NoPlan & Each<Item, Output, Input, Data> & Ends<Output[], Result, Input, Data>,
): BatchDefinition<Input, Item, Result, Data, false>;
export function defineBatch<Item, Part, Result = Part, Input = undefined, Data = unknown>(
  steps: Plan<Input, Item, Data> & Run<Item, Part, Input, Data> & Ends<Part, Result, Input, Data>,
): BatchDefinition<Input, Item, Result, Data, true>;
export function defineBatch<Item, Part, Result = Part, Input = undefined, Data = unknown>(
  steps: NoPlan & Run<Item, Part, Input, Data> & Ends<Part, Result, Input, Data>,
): BatchDefinition<Input, Item, Result, Data, false>;
export function defineBatch(steps: object): unknown {
  const known = ['plan', 'each', 'run', 'finish', 'cleanup'];
  if (typeof steps !== 'object' || steps === null) {
    throw new TypeError(`Expected \`defineBatch\` to be given an object of steps, got ${describeValue(steps)}`);
  }
  for (const [name, step] of Object.entries(steps)) {
    if (!known.includes(name)) throw new TypeError(`Expected a step of ${known.join(', ')}, got \`${name}\``);
    if (step !== undefined && typeof step !== 'function') {
      throw new TypeError(`Expected \`${name}\` to be a function, got ${describeValue(step)}`);
    }
  }
  const given = steps as BatchSteps;
  if ((given.each === undefined) === (given.run === undefined)) {
    throw new TypeError('Expected `defineBatch` to be given either `each` or `run`');
  }
  return { [DEFINITION]: true, kind: 'batch', steps: given };
}

/** True for what {@link defineTask} or {@link defineBatch} returned, also by another copy of this package. */
export function isDefinition(
  value: unknown,
): value is TaskDefinition<unknown, unknown> | BatchDefinition<unknown, unknown, unknown> {
  return typeof value === 'object' && value !== null && DEFINITION in value;
}
