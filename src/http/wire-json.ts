/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * A value that came from a thread, as JSON has it: typed arrays and sets become arrays, maps objects where their keys are
 * strings and pairs elsewhere, bigints numbers where they are safe and text elsewhere; `undefined` becomes null.
 * Undefined where it can't be said: it refers to itself.
 */
export function toJson(value: unknown): JsonValue | undefined {
  try {
    const text = JSON.stringify(value, speakable);
    return text === undefined ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return undefined;
  }
}

function speakable(_: string, value: unknown): unknown {
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
