import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exceedsBytes, inspectCloneable, whereUnclonable } from '../../dist/engine/cloneable.js';

const WHOLE = 1_000_000;

function canBeCloned(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/** What a message can't carry. */
const unclonable = fc
  .constantFrom<() => unknown>(
    () => () => 1,
    () => Symbol('x'),
    () => Promise.resolve(1),
    () => new WeakMap(),
    () => new WeakSet(),
    () => new WeakRef({}),
    () => new Proxy({}, {}),
    () => new Proxy([], {}),
    () => (function* () {})(),
    () => Object('x')[Symbol.iterator](),
  )
  .map((make) => make());

const plain = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});
const special = fc
  .constantFrom<() => unknown>(
    () => /x/g,
    () => new Error('x'),
    () => new ArrayBuffer(4),
    () => new SharedArrayBuffer(4),
    () => new DataView(new ArrayBuffer(4)),
    () => Buffer.from('x'),
    () =>
      new (class Point {
        x = 1;
      })(),
    () => new URL('file:///x'),
    () => globalThis,
    () => Object.freeze({ a: [1] }),
    () => Object.create({ inherited: () => 1 }),
    () => Object.defineProperty({}, 'hidden', { value: () => 1 }),
    () => ({ [Symbol('key')]: () => 1 }),
  )
  .map((make) => make());

const { value: nested } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plain,
    special,
    unclonable,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
}));

describe('looking whether a value can be cloned', () => {
  it('agrees with structuredClone wherever it is sure', () => {
    const sure = { yes: 0, no: 0 };
    fc.assert(
      fc.property(fc.oneof(nested, plain), (value) => {
        const found = inspectCloneable(value, WHOLE);
        if (found === null) return;
        sure[found.ok ? 'yes' : 'no']++;
        expect(canBeCloned(value)).toBe(found.ok);
      }),
      { numRuns: 1_500 },
    );
    // Being unsure of everything would agree with all.
    expect(sure.yes).toBeGreaterThan(300);
    expect(sure.no).toBeGreaterThan(50);
  });

  it('is sure of plain data of every shape', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(inspectCloneable(value, WHOLE)).toEqual({ ok: true });
      }),
    );
  });

  it('names the place of what can not be cloned', () => {
    const place = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom('a', 'rows', 'b')), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(place, (keys) => {
        let value: unknown = () => 1;
        for (const key of keys.toReversed()) {
          value =
            typeof key === 'string'
              ? { ok: 1, [key]: value }
              : Object.assign(
                  Array.from({ length: 6 }, () => 0),
                  { [key]: value },
                );
        }
        const path = keys.map((key) => (typeof key === 'string' ? `.${key}` : `[${key}]`)).join('');
        expect(inspectCloneable(value, WHOLE)).toEqual({ ok: false, path, what: 'a function' });
        expect(whereUnclonable(value)).toBe(` (a function at \`${path.replace(/^\./, '') || 'the value itself'}\`)`);
      }),
    );
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a Promise', Promise.resolve()],
    ['a Proxy', new Proxy({}, {})],
    ['a weak collection', new WeakMap()],
    ['a weak collection', new WeakSet()],
  ])('knows %s', (what, value) => {
    expect(inspectCloneable({ rows: [value] }, 10)).toEqual({ ok: false, path: '.rows[0]', what });
  });

  it('looks at each part once where values refer to each other', () => {
    const loop: Record<string, unknown> = { rows: [1, 2] };
    loop['self'] = loop;
    (loop['rows'] as unknown[]).push(loop);
    expect(inspectCloneable(loop, 100)).toEqual({ ok: true });
    loop['bad'] = Symbol('x');
    expect(inspectCloneable(loop, 100)).toEqual({ ok: false, path: '.bad', what: 'a symbol' });
  });

  it('is not sure beyond its budget, nor of deep nesting, nor where a getter throws', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const throwing = {
      get a(): number {
        throw new Error('no');
      },
    };
    expect(
      inspectCloneable(
        Array.from({ length: 20 }, () => 1),
        10,
      ),
    ).toBeNull();
    expect(inspectCloneable(deep, WHOLE)).toBeNull();
    expect(inspectCloneable(throwing, 10)).toBeNull();
    expect(whereUnclonable(throwing)).toBe('');
  });

  it('asks for no more of a long array than its budget allows', () => {
    let asked = 0;
    const long: unknown[] = Array.from({ length: 10_000 }, () => 1);
    for (let at = 0; at < long.length; at++)
      Object.defineProperty(long, at, { get: () => (asked++, 1), enumerable: true });
    expect(inspectCloneable(long, 50)).toBeNull();
    expect(asked).toBeLessThanOrEqual(50);
  });

  it.each([
    ['a view on a buffer that was given away', givenAway],
    ['the namespace of a module', moduleNamespace],
    ['an array that has a method besides its items', () => Object.assign([1, 2], { sum: () => 3 })],
  ])('is not sure of %s, which can not', (_, make) => {
    const value = { rows: [make()] };
    expect(canBeCloned(value)).toBe(false);
    expect(inspectCloneable(value, WHOLE)?.ok).not.toBe(true);
  });
});

it.each([
  ['looking whether it can be cloned', (value: unknown): unknown => inspectCloneable(value, 64)],
  ['comparing its size with a limit', (value: unknown): unknown => exceedsBytes(value, 16_384)],
])('%s costs no more for an array a hundred times as long', (_, look) => {
  const fastestMs = (length: number): number => {
    const array = Array.from({ length }, (__, at) => at);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      look(array);
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  expect(fastestMs(1_000_000)).toBeLessThan(20 * Math.max(0.2, fastestMs(10_000)));
});

function givenAway(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

/** A real one: what the test runner hands out for an import is a proxy. */
function moduleNamespace(): object {
  return createRequire(import.meta.url)('../../dist/engine/lanes.js') as object;
}
