import { type Awaitable, type BatchSteps, isRange } from './define-task.js';
import { refused } from './member-outcome.js';
import {
  type ItemFailure,
  type MemberOutcome,
  type SliceMessage,
  serializeLightly,
  serializeThrown,
} from './protocol.js';
import { isPromise } from './warm-things.js';
import type { WorkerContext } from './worker-context.js';

const STOPPED: MemberOutcome = { kind: 'stopped', begun: true };
const MAX_PLANNED_ITEMS = 100_000;
// At 64 the clock costs less than a nanosecond an item, and a sudden run of slow items is seen in time.
const MAX_STRIDE = 64;
// Of a chunk; the record of a task names no more.
const MAX_WHOLE_ERRORS = 50;

/** The items of a slice: those that came along, or the numbers that its bounds stand for. */
export function itemsOf({ from, to, items, offset = 0 }: SliceMessage): readonly unknown[] {
  if (items !== undefined) return items;
  const numbers: number[] = [];
  // Not `Array.from`, which takes thrice the time.
  for (let item = from + offset; item < to + offset; item++) numbers.push(item);
  return numbers;
}

/** A chunk of `run`. */
export async function runItems(
  steps: BatchSteps,
  items: readonly unknown[],
  context: WorkerContext,
  input: unknown,
): Promise<MemberOutcome> {
  // Counted before: the items are the task's now, to do with as it likes.
  const count = items.length;
  const value = await steps.run?.(items, context, input);
  if (steps.finish === undefined && value !== undefined && !(Array.isArray(value) && value.length === count)) {
    const got = Array.isArray(value) ? `an array of ${value.length}` : `a value of type ${typeof value}`;
    return refused(`Expected \`run\` to return an array of ${count} results, one per item, or nothing; got ${got}`);
  }
  return { kind: 'returned', value, done: count };
}

/** A chunk of `each`: the engine owns the loop. Makes promises only where an item does. */
export function eachItem(
  each: Each,
  items: readonly unknown[],
  context: WorkerContext,
  input: unknown,
  options: EachOptions,
): Awaitable<MemberOutcome> {
  const loop = new EachLoop(each, items, context, input, options);
  const ended = loop.run();
  return isPromise(ended) ? awaitItems(loop, ended) : ended;
}

async function awaitItems(loop: EachLoop, promise: Promise<unknown>): Promise<MemberOutcome> {
  let ended: MemberOutcome | Promise<unknown> = promise;
  while (isPromise(ended)) {
    let output: unknown;
    try {
      output = await ended;
    } catch (error) {
      ended = loop.goOnAfter(error);
      continue;
    }
    ended = loop.goOn(output);
  }
  return ended;
}

type Each = NonNullable<BatchSteps['each']>;

interface EachOptions {
  /** The index of the first item. */
  readonly from: number;
  /** Milliseconds after which it ends, done or not. */
  readonly boxMs: number;
  /** An item that throws is left out. */
  readonly skips: boolean;
}

/** One item after another, and what became of them. */
class EachLoop {
  readonly #each: Each;
  readonly #items: readonly unknown[];
  readonly #context: WorkerContext;
  readonly #input: unknown;
  readonly #from: number;
  readonly #skips: boolean;
  /** Grown by `push`: an array that was given its length first may have holes, and is cloned key by key. */
  readonly #outputs: unknown[] = [];
  readonly #failed: ItemFailure[] = [];
  readonly #deadline: number;
  #looked: number;
  // The clock costs more than a cheap item: look at it every `stride` items, so often that a look comes each 0.1–1 ms.
  #stride = 1;
  /** After so many items. */
  #nextLook = 1;

  constructor(
    each: Each,
    items: readonly unknown[],
    context: WorkerContext,
    input: unknown,
    { from, boxMs, skips }: EachOptions,
  ) {
    this.#each = each;
    this.#items = items;
    this.#context = context;
    this.#input = input;
    this.#from = from;
    this.#skips = skips;
    context.countItems(0);
    this.#looked = performance.now();
    this.#deadline = this.#looked + boxMs;
  }

  /** Goes on until it is over, or an item gives a promise: that is returned, for {@link goOn} or {@link goOnAfter}. */
  run(): MemberOutcome | Promise<unknown> {
    // In locals, because this is the innermost loop there is.
    const [each, items, context, input, outputs] = [
      this.#each,
      this.#items,
      this.#context,
      this.#input,
      this.#outputs,
    ] as const;
    while (outputs.length < items.length) {
      if (context.cancelled) return STOPPED;
      let output: unknown;
      try {
        output = each(items[outputs.length], context, input);
        if (isPromise(output)) return output;
      } catch (error) {
        const end = this.#threw(error);
        if (end !== null) return end;
        output = undefined;
      }
      const done = outputs.push(output);
      context.countItems(done);
      if (done === this.#nextLook && this.#isTimeUp(done)) break;
    }
    return this.#returned();
  }

  /** The item that was awaited has come to this. */
  goOn(output: unknown): MemberOutcome | Promise<unknown> {
    const done = this.#outputs.push(output);
    this.#context.countItems(done);
    if (done === this.#nextLook && this.#isTimeUp(done)) return this.#returned();
    return this.run();
  }

  /** The item that was awaited has failed. */
  goOnAfter(error: unknown): MemberOutcome | Promise<unknown> {
    return this.#threw(error) ?? this.goOn(undefined);
  }

  /** The item after those that are done threw. How the chunk ends, where that ends it. */
  #threw(error: unknown): MemberOutcome | null {
    if (this.#context.isStop(error)) return STOPPED;
    const [value, done] = [this.#outputs, this.#outputs.length];
    const index = this.#from + done;
    if (!this.#skips) {
      return { kind: 'threw', code: 'TASK_FAILED', error: serializeThrown(error), item: index, done, value };
    }
    const whole = this.#failed.length < MAX_WHOLE_ERRORS;
    this.#failed.push({ index, error: whole ? serializeThrown(error) : serializeLightly(error) });
    return null;
  }

  #returned(): MemberOutcome {
    const [value, done] = [this.#outputs, this.#outputs.length];
    return { kind: 'returned', value, done, failed: this.#failed.length > 0 ? this.#failed : undefined };
  }

  #isTimeUp(done: number): boolean {
    const now = performance.now();
    if (now - this.#looked < 0.1) this.#stride = Math.min(MAX_STRIDE, this.#stride * 2);
    else if (now - this.#looked > 1) this.#stride = Math.max(1, this.#stride >> 1);
    this.#looked = now;
    this.#nextLook = done + this.#stride;
    return now >= this.#deadline;
  }
}

/** What `plan` returned, as the host may use it. */
export function planned(items: unknown): MemberOutcome {
  if (isRange(items)) return { kind: 'planned', items: { from: items.from, to: items.to } };
  if (!Array.isArray(items)) return refused(`Expected \`plan\` to return an array or a range, got ${typeof items}`);
  if (items.length > MAX_PLANNED_ITEMS) {
    return refused(
      `Expected \`plan\` to return at most ${MAX_PLANNED_ITEMS} items, got ${items.length}: return a range, or larger items`,
    );
  }
  return { kind: 'planned', items };
}
