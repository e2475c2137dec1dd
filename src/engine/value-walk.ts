import { types } from 'node:util';

/** Where a value was found: `holder[key]`. */
export interface Place {
  readonly holder: object;
  readonly key: string | number;
}

/** Looks at an object that is no container. `place` is null where nothing else could be put: in a map, in a set. */
type Visit = (found: object, place: Place | null) => boolean;

/**
 * Visits the objects in a value, through arrays, plain objects, maps and sets, and not into others: what becomes of a
 * class instance or a host object in a message is its own affair. Containers are entered once, so circles end.
 *
 * Gives up after `maxBarren` objects of which none was what is looked for; `visit` returns true for one that is.
 * @throws what a getter throws.
 */
export function walk(value: unknown, visit: Visit, maxBarren: number = Infinity): void {
  // Not recursive: a linked list may be longer than the stack is deep.
  const entered: object[] = [];
  const seen = new Set<object>();
  let barren = 0;
  let fruitful = false;

  function look(at: unknown, holder: object | null, key: string | number): void {
    if (typeof at !== 'object' || at === null) return;
    barren++;
    if (!isContainer(at)) {
      if (visit(at, holder === null ? null : { holder, key })) fruitful = true;
    } else if (!seen.has(at)) {
      seen.add(at);
      entered.push(at);
    }
  }

  const goesOn = (): boolean => fruitful || barren < maxBarren;
  look(value, null, '');
  for (let holder = entered.pop(); holder !== undefined && goesOn(); holder = entered.pop()) {
    if (Array.isArray(holder)) {
      for (let at = 0; at < holder.length && goesOn(); at++) look(holder[at], holder, at);
    } else if (types.isMap(holder)) {
      for (const [key, entry] of holder) {
        look(key, null, '');
        look(entry, null, '');
      }
    } else if (types.isSet(holder)) {
      for (const entry of holder) look(entry, null, '');
    } else {
      for (const key of Object.keys(holder)) look(holder[key as keyof typeof holder], holder, key);
    }
  }
}

/** Whether {@link walk} goes into it. */
export function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false;
  if (Array.isArray(value) || types.isMap(value) || types.isSet(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
