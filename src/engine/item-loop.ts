import { type BatchSteps, isRange } from './define-task.js';
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

const MAX_PLANNED_ITEMS = 100_000;
// At 64 the clock costs less than a nanosecond an item, and a sudden run of slow items is seen in time.
const MAX_STRIDE = 64;
// Of a chunk; the record of a task names no more.
const MAX_WHOLE_ERRORS = 50;

/** The items of a slice: those that came along, or the numbers that its bounds stand for. */
export function itemsOf(slice: SliceMessage): readonly unknown[] {
  if (slice.items !== undefined) return slice.items;
  const first = slice.from + (slice.offset ?? 0);
  return Array.from({ length: slice.to - slice.from }, (_, at) => first + at);
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

/** A chunk of `each`: the engine owns the loop. */
export async function eachItem(
  each: NonNullable<BatchSteps['each']>,
  items: readonly unknown[],
  context: WorkerContext,
  input: unknown,
  { from, boxMs, skips }: { from: number; boxMs: number; skips: boolean },
): Promise<MemberOutcome> {
  const outputs: unknown[] = [];
  const failed: ItemFailure[] = [];
  context.countItems(0);
  const deadline = performance.now() + boxMs;
  let looked = performance.now();
  // The clock costs more than a cheap item: look at it every `stride` items, so often that a look comes each 0.1–1 ms.
  let stride = 1;
  let untilLook = stride;
  for (const item of items) {
    if (context.cancelled) return { kind: 'stopped', begun: true };
    let output: unknown;
    try {
      output = each(item, context, input);
      if (isPromise(output)) output = await output;
    } catch (error) {
      if (context.isStop(error)) return { kind: 'stopped', begun: true };
      const [index, done] = [from + outputs.length, outputs.length];
      if (!skips) {
        return { kind: 'threw', code: 'TASK_FAILED', error: serializeThrown(error), item: index, done, value: outputs };
      }
      output = undefined;
      failed.push({
        index,
        error: failed.length < MAX_WHOLE_ERRORS ? serializeThrown(error) : serializeLightly(error),
      });
    }
    outputs.push(output);
    context.countItems(outputs.length);
    if (--untilLook === 0) {
      const now = performance.now();
      if (now >= deadline) break;
      if (now - looked < 0.1) stride = Math.min(MAX_STRIDE, stride * 2);
      else if (now - looked > 1) stride = Math.max(1, stride >> 1);
      looked = now;
      untilLook = stride;
    }
  }
  return { kind: 'returned', value: outputs, done: outputs.length, failed: failed.length > 0 ? failed : undefined };
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
