import { types } from 'node:util';
import { MessagePort } from 'node:worker_threads';
import { describeValue } from './errors.js';
import { isContainer, walk } from './value-walk.js';

/** What goes from thread to thread without a copy. */
export type Movable = ArrayBuffer | MessagePort;

interface Given {
  readonly objects: WeakSet<object>;
  /** Whether `transfer` was ever called on this thread; until then nobody has to look. */
  any: boolean;
}

// Shared with other copies of this package: a task module may bring its own.
const GIVEN = Symbol.for('treadle.transfer');
const globals = globalThis as { [GIVEN]?: Given };
const given = (globals[GIVEN] ??= { objects: new WeakSet(), any: false });

/**
 * Gives memory away, so that it moves between threads without a copy. Takes an `ArrayBuffer`, a view of one (a typed
 * array, a `Buffer`), a `MessagePort`, or arrays, plain objects, maps and sets of those; returns the same value.
 *
 * In a task it is for results: without it a large buffer is copied once, on the thread, because the task may still hold
 * it. At `submit` it is for `items`, and for the `input` of work in one piece; it counts when a chunk is sent.
 *
 * Don't use the memory afterwards: the whole buffer goes, with all views of it, and is empty here. Buffers below 8 KiB, and
 * those that Node keeps (a pool of small `Buffer`s, WebAssembly memory), are copied all the same. What was moved to a
 * thread can't be sent again: a chunk that had it is not retried, whatever `retries` says, and not kept for `rerun`.
 *
 * @example export default defineTask(() => transfer(new Float32Array(25_000_000)));
 * @example await tasks.submit('decode', { items: transfer(pages) });
 * @throws TypeError for anything that can't hold such memory: a string, a function, a `SharedArrayBuffer`, a `Date`.
 */
export function transfer<Value extends object>(value: Value): Value {
  if (!give(value) && !isContainer(value)) {
    const what = types.isSharedArrayBuffer(value) || ArrayBuffer.isView(value) ? 'shared memory' : describeValue(value);
    throw new TypeError(
      `Expected \`transfer\` to be given an ArrayBuffer, a view of one, a MessagePort, or arrays, plain objects, maps and sets of those, got ${what}`,
    );
  }
  walk(value, (found) => give(found));
  return value;
}

function give(value: unknown): boolean {
  const movable = movableOf(value);
  if (movable === null) return false;
  given.objects.add(movable);
  given.any = true;
  return true;
}

/** The buffer of a view, what can be moved itself, or null. */
export function movableOf(value: unknown): Movable | null {
  if (ArrayBuffer.isView(value)) return types.isArrayBuffer(value.buffer) ? value.buffer : null;
  return types.isArrayBuffer(value) || value instanceof MessagePort ? value : null;
}

/** Whether anything was ever given to {@link transfer} on this thread. */
export function anyGiven(): boolean {
  return given.any;
}

/** Whether it was given to {@link transfer}. */
export function isGiven(movable: Movable): boolean {
  return given.any && given.objects.has(movable);
}
