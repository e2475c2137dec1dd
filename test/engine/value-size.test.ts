import { serialize } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exceedsBytes } from '../../dist/engine/cloneable.js';

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

describe('the size of a value', () => {
  it('is over every limit below one that it is over, and grows with what is added', () => {
    fc.assert(
      fc.property(anything, fc.nat(3_000), fc.nat(3_000), fc.string(), (value, a, b, text) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        if (exceedsBytes(value, high)) {
          expect(exceedsBytes(value, low)).toBe(true);
          expect(exceedsBytes([value, text], high)).toBe(true);
          expect(exceedsBytes({ value, text }, high)).toBe(true);
          expect(exceedsBytes(new Map([[text, value]]), high)).toBe(true);
        }
      }),
    );
  });

  it('is close to what serialising gives, for text, numbers and bytes', () => {
    const leaf = fc.oneof(
      fc.double(),
      fc.string({ minLength: 10, maxLength: 100, unit: 'grapheme-ascii' }),
      fc.uint8Array({ minLength: 10 }),
    );
    const data = fc.array(fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string({ unit: 'grapheme-ascii' }), leaf)), {
      minLength: 1,
    });
    fc.assert(
      fc.property(data, (value) => {
        const bytes = serialize(value).byteLength;
        expect(exceedsBytes(value, 3 * bytes + 64)).toBe(false);
        expect(exceedsBytes(value, Math.floor(bytes / 3) - 64)).toBe(true);
      }),
    );
  });

  it('counts a part once, though values refer to each other', () => {
    const part = { text: 'x'.repeat(1_000) };
    const loop: Record<string, unknown> = { part, again: part };
    loop['self'] = loop;
    expect(exceedsBytes(loop, 1_500)).toBe(false);
    expect(exceedsBytes(loop, 900)).toBe(true);
  });

  it.each([
    ['arrays', () => []],
    ['objects', () => ({})],
    ['maps', () => new Map()],
    ['sets', () => new Set()],
    ['texts', () => ''],
  ])('counts empty %s too', (_, make) => {
    const many = Array.from({ length: 10_000 }, make);
    expect(exceedsBytes(many, 1_000)).toBe(true);
    expect(exceedsBytes(new Set(many.map((empty) => [empty])), 1_000)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a long number', 2n ** 80_000n],
    ['a long number below zero', -(2n ** 80_000n)],
    ['what an error says', new Error('x'.repeat(10_000))],
    ['the cause of an error', new Error('outer', { cause: new Error('x'.repeat(10_000)) })],
    ['a long expression', new RegExp('x'.repeat(10_000))],
  ])('counts %s', (_, value) => {
    expect(exceedsBytes([value], 5_000)).toBe(true);
    expect(exceedsBytes([value], 50_000)).toBe(false);
  });

  it('is over the limit where it can not be told', () => {
    const throwing = {
      get a(): number {
        throw new Error('no');
      },
    };
    expect(exceedsBytes(throwing, 1_000_000)).toBe(true);
  });
});
