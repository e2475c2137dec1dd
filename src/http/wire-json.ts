/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * How many values and characters are said at most. What is kept of a result never needs as much, unless it has one thing
 * in many places: a message between threads carries that once, and JSON each time.
 */
const MAX_PARTS = 2 ** 18;

/**
 * A value that came from a thread, as JSON has it: typed arrays and sets become arrays, maps objects where their keys are
 * strings and pairs elsewhere, bigints numbers where they are safe and text elsewhere; `undefined` becomes null.
 * Undefined where it can't be said: it refers to itself, or would become far larger than it was.
 */
export function toJson(value: unknown): JsonValue | undefined {
  try {
    const text = JSON.stringify(value, speakableUpTo(MAX_PARTS));
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return undefined;
  }
}

function speakableUpTo(maxParts: number): (this: unknown, key: string, value: unknown) => unknown {
  let left = maxParts;
  return function said(this: unknown, key: string, value: unknown): unknown {
    left -= 1 + (Array.isArray(this) ? 0 : key.length) + (typeof value === 'string' ? value.length : 0);
    if (left < 0) throw new RangeError('There is too much to say');
    return speakable(value);
  };
}

function speakable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof Set) return [...value];
  if (value instanceof Map) {
    return [...value.keys()].every((key) => typeof key === 'string') ? Object.fromEntries(value) : [...value];
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Array.from(new Uint8Array(value));
  if (value instanceof DataView) return Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  return value;
}
