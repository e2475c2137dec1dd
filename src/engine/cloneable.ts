import { types } from 'node:util';

/** What {@link inspectCloneable} found: surely cloneable, or not, with the place; null when it did not look far enough. */
export type Cloneable =
  | { readonly ok: true }
  | { readonly ok: false; readonly path: string; readonly what: string }
  | null;

const YES: Cloneable = { ok: true };

/**
 * Looks whether a value survives `structuredClone`, visiting at most `budget` values, so that the cost is bounded.
 * Null means: not sure.
 */
export function inspectCloneable(value: unknown, budget: number): Cloneable {
  if (isClonablePrimitive(value)) return YES;
  let left = budget;
  const seen = new Set<object>();

  function visit(at: unknown, path: string): Cloneable {
    if (isClonablePrimitive(at)) return YES;
    if (typeof at === 'function' || typeof at === 'symbol') return { ok: false, path, what: `a ${typeof at}` };
    const object = at as object;
    if (types.isProxy(object)) return { ok: false, path, what: 'a Proxy' };
    if (types.isPromise(object)) return { ok: false, path, what: 'a Promise' };
    if (types.isWeakMap(object) || types.isWeakSet(object)) return { ok: false, path, what: 'a weak collection' };
    if (seen.has(object)) return YES;
    seen.add(object);
    if (types.isDate(object) || types.isRegExp(object)) return YES;
    // An empty one may belong to a buffer that was given away.
    if (ArrayBuffer.isView(object)) return object.byteLength > 0 ? YES : null;
    if (types.isModuleNamespaceObject(object)) return null;
    const prototype: unknown = Object.getPrototypeOf(object);
    const plain = prototype === Object.prototype || prototype === null || Array.isArray(object);
    if (!plain) return null;
    // By index first, and no longer than the budget: a list of all keys of a long array costs a second.
    const indices = Array.isArray(object) ? object.length : 0;
    for (let index = 0; index < indices; index++) {
      if (left-- <= 0) return null;
      const found = visit((object as unknown[])[index], `${path}[${index}]`);
      if (found !== YES) return found;
    }
    for (const key of Object.keys(object).slice(indices)) {
      if (left-- <= 0) return null;
      const found = visit((object as Record<string, unknown>)[key], `${path}.${key}`);
      if (found !== YES) return found;
    }
    return YES;
  }

  try {
    return visit(value, '');
  } catch {
    // A getter threw: the clone will say so itself.
    return null;
  }
}

function isClonablePrimitive(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol');
}

/** Where a value can't be cloned, in words; empty when that is not cheap to find out. */
export function whereUnclonable(value: unknown): string {
  const found = inspectCloneable(value, 10_000);
  return found === null || found.ok
    ? ''
    : ` (${found.what} at \`${found.path === '' ? 'the value itself' : found.path.replace(/^\./, '')}\`)`;
}

// What any value takes at least, roughly.
const ENTRY_BYTES = 8;

/** Whether a value is larger than `limit` bytes when serialised, roughly. Stops counting at the limit. */
export function exceedsBytes(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'string' && value.length > limit;
  return bytesUpTo(value, limit) > limit;
}

/** How many bytes a value takes when serialised, roughly; Infinity where that is more than `limit`. */
export function bytesUpTo(value: unknown, limit: number): number {
  if (typeof value !== 'object' || value === null) {
    const bytes = ENTRY_BYTES + (typeof value === 'string' ? value.length : 0);
    return bytes > limit ? Infinity : bytes;
  }
  let left = limit;
  const seen = new Set<object>();

  function spend(at: unknown): boolean {
    left -= ENTRY_BYTES;
    if (typeof at === 'string') left -= at.length;
    else if (typeof at === 'bigint') left -= bytesOf(at, left);
    else if (typeof at === 'object' && at !== null && !seen.has(at)) {
      seen.add(at);
      // A view brings its whole buffer along.
      if (ArrayBuffer.isView(at)) spend(at.buffer);
      else if (types.isAnyArrayBuffer(at)) left -= at.byteLength;
      else if (types.isRegExp(at)) left -= at.source.length;
      else if (types.isNativeError(at)) {
        // What a message takes along of an error; none of it is enumerable.
        for (const part of [at.name, at.message, at.stack, at.cause]) if (spend(part)) return true;
      } else if (types.isMap(at)) {
        for (const [key, entry] of at) if (spend(key) || spend(entry)) return true;
      } else if (types.isSet(at)) {
        for (const entry of at) if (spend(entry)) return true;
      } else if (Array.isArray(at)) {
        for (let index = 0; index < at.length; index++) if (spend(at[index])) return true;
      } else {
        for (const key of Object.keys(at)) {
          left -= key.length;
          if (left < 0 || spend(at[key as keyof typeof at])) return true;
        }
      }
    }
    return left < 0;
  }

  try {
    return spend(value) ? Infinity : limit - left;
  } catch {
    return Infinity;
  }
}

/** How many bytes a number has; more than `limit` where that is more. */
function bytesOf(value: bigint, limit: number): number {
  let bytes = 8;
  // Taking the low part of a number is cheap, however long it is.
  while (bytes <= limit && BigInt.asIntN(8 * bytes, value) !== value) bytes *= 2;
  return bytes;
}
