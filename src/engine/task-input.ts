import { Serializer } from 'node:v8';
import { exceedsBytes, whereUnclonable } from './cloneable.js';
import { TreadleError } from './errors.js';
import type { Chunk } from './lanes.js';
import { givenIn } from './moving.js';
import { INLINE_INPUT_BYTES } from './options.js';
import type { PackedInput } from './protocol.js';
import type { Task } from './task.js';

/**
 * A task's input as its chunks carry it: up to 16 KiB with each of them, more is serialised once and shared. Work in one
 * piece has one chunk, to which it may move.
 */
export function packInput(task: Task, onePiece: boolean): PackedInput | TreadleError {
  const input = task.work?.input;
  if (!exceedsBytes(input, INLINE_INPUT_BYTES) || (onePiece && givenIn(input).length > 0)) return { value: input };
  let bytes: Buffer;
  try {
    // Not v8.serialize(): that brings a Buffer back as a Buffer, where a message makes it a Uint8Array.
    const serializer = new Serializer();
    serializer.writeHeader();
    serializer.writeValue(input);
    bytes = serializer.releaseBuffer();
  } catch (error) {
    // Shared memory and ports have no bytes, but a message may carry them.
    return whereUnclonable(input) === '' ? { value: input } : unserializable(task, 'input', input, error);
  }
  const shared = new SharedArrayBuffer(bytes.byteLength);
  new Uint8Array(shared).set(bytes);
  return { shared };
}

/** Whether its message could not be made because of the input, which all its chunks carry, or of its items. */
export function isInputUnsendable(task: Task, chunk: Chunk): boolean {
  return chunk.items === undefined || whereUnclonable(task.work?.input) !== '';
}

export function errorOfUnsendable(task: Task, chunk: Chunk, cause: unknown): TreadleError {
  return isInputUnsendable(task, chunk)
    ? unserializable(task, 'input', task.work?.input, cause)
    : unsendableItem(task, chunk, cause);
}

function unsendableItem(task: Task, chunk: Chunk, cause: unknown): TreadleError {
  const items = chunk.items ?? [];
  const at = items.findIndex((item) => whereUnclonable(item) !== '');
  if (at === -1) return unserializable(task, 'items', items, cause);
  const item = chunk.from + at;
  return unserializable(task, `item ${item}`, items[at], cause, { item });
}

function unserializable(
  { id }: Task,
  name: string,
  value: unknown,
  cause: unknown,
  details?: Readonly<Record<string, unknown>>,
): TreadleError {
  return new TreadleError(
    'UNSERIALIZABLE',
    `Expected the ${name} of task ${id} to be cloneable${whereUnclonable(value)}`,
    { taskId: id, cause, details },
  );
}
