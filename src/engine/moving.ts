import { types } from 'node:util';
import { type Movable, anyGiven, isGiven, movableOf } from './transfer.js';
import { type Place, walk } from './value-walk.js';

/** Buffers below this are copied with the message: that costs both sides less than moving them. */
export const MIN_MOVED_BYTES: number = 8 * 1024;
/** Node compares each entry of a transfer list with all others. */
export const MAX_MOVED: number = 2_048;
// What has no buffer among so many objects is taken to have none, unless `transfer` was called.
const MAX_BARREN = 1_000;

/**
 * What of a value may be moved because it was given to `transfer`, as a transfer list. A view of a part of a buffer does
 * not count: what is sent next may need the rest. Looks at nothing where `transfer` was never called.
 */
export function givenIn(value: unknown): Movable[] {
  if (!anyGiven()) return [];
  const moved = new Set<Movable>();
  try {
    walk(value, (found) => {
      const movable = movableOf(found);
      if (movable !== null && isWhole(found) && isGiven(movable) && isWorthwhile(movable, moved.size))
        moved.add(movable);
      return movable !== null;
    });
  } catch {
    // A getter threw: the clone will say so itself.
    return [];
  }
  return [...moved];
}

/**
 * Calls `post` to send `message` with a transfer list, so that the receiver copies none of its large
 * buffers. What was given to `transfer` goes itself. Nobody knows who else holds the others, so a copy of each goes
 * instead, made here; it is in the place of the original while `post` runs. Where only a part of a buffer is viewed,
 * only that part goes.
 *
 * @throws what `post` throws, where the message can't be cloned either.
 */
export function postMoving(message: unknown, post: (transferList: readonly Movable[]) => void): void {
  const { moved, replacements } = copiesFor(message);
  try {
    for (const { place, view } of replacements) put(place, view);
    postWith(moved, post);
  } finally {
    for (const { place, original } of replacements) put(place, original);
  }
}

/** Sends with a transfer list, and without it where Node refuses to give something away: it says so only when it is asked to. */
export function postWith(moved: readonly Movable[], post: (transferList: readonly Movable[]) => void): void {
  // One that is gone already would be sent, and nobody could read the message; without it in the list, sending fails.
  const there = moved.filter((movable) => !types.isArrayBuffer(movable) || movable.byteLength > 0);
  try {
    post(there);
  } catch (error) {
    if (there.length === 0) throw error;
    post([]);
  }
}

interface Replacement {
  readonly place: Place;
  readonly original: object;
  readonly view: object;
}

/** The views of one buffer in a message. */
interface Seen {
  readonly places: { readonly place: Place; readonly view: ArrayBuffer | ArrayBufferView }[];
  from: number;
  to: number;
  /** Something of it is where it can't be replaced. */
  stays: boolean;
}

function copiesFor(message: unknown): { moved: Movable[]; replacements: Replacement[] } {
  const moved = new Set<Movable>();
  const large = new Map<ArrayBuffer, Seen>();
  try {
    walk(
      message,
      (found, place) => {
        const movable = movableOf(found);
        if (movable === null) return false;
        const known = moved.has(movable) || large.has(movable as ArrayBuffer);
        if (!known && !isWorthwhile(movable, moved.size + large.size)) return false;
        if (isGiven(movable)) moved.add(movable);
        else if (types.isArrayBuffer(movable)) note(large, movable, found as ArrayBuffer | ArrayBufferView, place);
        return true;
      },
      anyGiven() ? Infinity : MAX_BARREN,
    );
    const replacements: Replacement[] = [];
    for (const [buffer, seen] of large) if (!seen.stays) moved.add(copy(buffer, seen, replacements));
    return { moved: [...moved], replacements };
  } catch {
    // A getter threw, or there is no memory for copies: the clone will say so itself.
    return { moved: [], replacements: [] };
  }
}

function isWhole(found: object): boolean {
  return !ArrayBuffer.isView(found) || found.byteLength === found.buffer.byteLength;
}

function isWorthwhile(movable: Movable, count: number): boolean {
  return !types.isArrayBuffer(movable) || (movable.byteLength >= MIN_MOVED_BYTES && count < MAX_MOVED);
}

function note(
  large: Map<ArrayBuffer, Seen>,
  buffer: ArrayBuffer,
  view: ArrayBuffer | ArrayBufferView,
  place: Place | null,
): void {
  let seen = large.get(buffer);
  if (seen === undefined) {
    // A clone keeps that a buffer can grow, a copy does not.
    const { resizable = false } = buffer as { resizable?: boolean };
    large.set(buffer, (seen = { places: [], from: buffer.byteLength, to: 0, stays: resizable }));
  }
  if (place === null || !isWritable(place)) seen.stays = true;
  else seen.places.push({ place, view });
  const from = ArrayBuffer.isView(view) ? view.byteOffset : 0;
  seen.from = Math.min(seen.from, from);
  seen.to = Math.max(seen.to, from + view.byteLength);
}

/** Copies the part of a buffer that is viewed. */
function copy(buffer: ArrayBuffer, { places, from, to }: Seen, replacements: Replacement[]): ArrayBuffer {
  // Elements of all kinds stay aligned.
  const start = from - (from % 8);
  const copied = buffer.slice(start, to);
  const views = new Map<object, object>();
  for (const { place, view: original } of places) {
    const view = views.get(original) ?? sameView(original, copied, start);
    views.set(original, view);
    replacements.push({ place, original, view });
  }
  return copied;
}

function sameView(original: ArrayBuffer | ArrayBufferView, buffer: ArrayBuffer, start: number): object {
  if (!ArrayBuffer.isView(original)) return buffer;
  const at = original.byteOffset - start;
  if (types.isDataView(original)) return new DataView(buffer, at, original.byteLength);
  const array = original as Uint8Array;
  return new KINDS[kindOf(array)](buffer, at, array.length);
}

const KINDS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

const TYPED_ARRAY: object = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** By the tag and not by `constructor`: to a message a `Buffer` is a Uint8Array, and so is what extends it. */
function kindOf(array: ArrayBufferView): keyof typeof KINDS {
  const kind = Reflect.get(TYPED_ARRAY, Symbol.toStringTag, array) as keyof typeof KINDS;
  if (!Object.hasOwn(KINDS, kind)) throw new TypeError(`An array of an unknown kind: ${kind}`);
  return kind;
}

function isWritable({ holder, key }: Place): boolean {
  return Object.getOwnPropertyDescriptor(holder, key)?.writable === true;
}

function put({ holder, key }: Place, value: object): void {
  (holder as Record<string | number, unknown>)[key] = value;
}
