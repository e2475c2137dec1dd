import * as fc from 'fast-check';
import { type Embedder, hashingEmbedder } from 'treadle/embedders';
import { describe, expect, it } from 'vitest';
import { COMMON_WORDS } from '../../dist/sqlite/common-words.js';
import { expectRefused } from '../support/bad-values.js';

function vectors(embedder: Embedder, ...texts: string[]): number[][] {
  const matrix = embedder.embed(texts) as Float32Array;
  const { dimensions } = embedder;
  return texts.map((_, row) => Array.from(matrix.subarray(row * dimensions, (row + 1) * dimensions)));
}

function cosine(one: string, other: string, embedder = hashingEmbedder()): number {
  const [a = [], b = []] = vectors(embedder, one, other);
  return a.reduce((sum, number, at) => sum + number * (b[at] as number), 0);
}

describe('the hashing embedder', () => {
  it('gives each text a vector of length 1, and one without a word only zeros', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const [vector = []] = vectors(hashingEmbedder({ dimensions: 64 }), `${text} word`);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
      }),
    );
    for (const text of ['', ' ', '?! …', '\0']) expect(vectors(hashingEmbedder(), text)[0]?.some(Boolean)).toBe(false);
  });

  it('gives a text the same vector whatever stands beside it and whenever it is asked', () => {
    const embedder = hashingEmbedder({ dimensions: 64 });
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (texts) => {
        expect(vectors(embedder, ...texts)).toEqual(
          texts.map((text) => vectors(hashingEmbedder({ dimensions: 64 }), text)[0]),
        );
      }),
    );
  });

  it('sees the same in other case, accents spelt otherwise, and words in another order', () => {
    expect(cosine('Worker THREADS', 'worker threads')).toBeCloseTo(1, 5);
    expect(cosine('caf\u00e9', 'cafe\u0301')).toBeCloseTo(1, 5);
    expect(cosine('one two three', 'three, two; one')).toBeCloseTo(1, 5);
  });

  it('puts inflected and misspelt words nearer than other ones', () => {
    expect(cosine('cancelling a task', 'cancelled tasks')).toBeGreaterThan(0.4);
    expect(cosine('embedding', 'embeding')).toBeGreaterThan(0.4);
    expect(Math.abs(cosine('cancelling a task', 'apple pie recipes'))).toBeLessThan(0.15);
    // What it can't do: no meaning, only spelling.
    expect(Math.abs(cosine('car', 'automobile'))).toBeLessThan(0.15);
  });

  it('lets common words count as words alone, so that texts are not alike for their sake', () => {
    expect(cosine('what is the state of it', 'what is the price of it')).toBeLessThan(0.6);
    expect(cosine('this is where they would', 'this is where they would')).toBeCloseTo(1, 5);
    expect(cosine('this is where they would', 'where would they')).toBeGreaterThan(0.5);
    // The misspelt word has runs and the common one has none.
    expect(Math.abs(cosine('which', 'whihc'))).toBeLessThan(0.15);
  });

  it('weighs a word that is repeated more, but less than in proportion', () => {
    const once = cosine('red', 'red blue green');
    const often = cosine('red', 'red red red red blue green');
    expect(often).toBeGreaterThan(once);
    expect(often).toBeLessThan(4 / Math.hypot(4, 1, 1));
  });

  it('takes words and texts of any length', () => {
    const long = 'x'.repeat(100_000);
    const many = Array.from({ length: 50_000 }, (_, n) => `word${n}`).join(' ');
    expect(cosine(long, long)).toBeCloseTo(1, 5);
    expect(cosine(many, many)).toBeCloseTo(1, 5);
  });

  it('names everything that its vectors depend on', () => {
    const name = (options?: Parameters<typeof hashingEmbedder>[0]): string => hashingEmbedder(options).name;
    expect(name()).toBe('hashing-v2-d480-g3-5');
    expect(name({ dimensions: 64, grams: [2, 4] })).toBe('hashing-v2-d64-g2-4');
  });

  // Stored vectors are compared with new ones: where this fails on purpose, VERSION must go up.
  it('gives the vectors that its version has always given', () => {
    const texts = ['The quick brown fox; the lazy dog 🎉', [...COMMON_WORDS].join(' ')];
    const [vector = [], common = []] = vectors(hashingEmbedder({ dimensions: 16 }), ...texts);
    expect(common.map((number) => Math.round(number * 1_000))).toMatchInlineSnapshot(`
      [
        149,
        298,
        0,
        -149,
        0,
        149,
        -447,
        -298,
        298,
        298,
        447,
        0,
        0,
        -298,
        0,
        -298,
      ]
    `);
    expect(vector.map((number) => Math.round(number * 1_000))).toMatchInlineSnapshot(`
      [
        0,
        284,
        -0,
        203,
        142,
        -142,
        -567,
        0,
        142,
        -284,
        284,
        122,
        -142,
        203,
        142,
        487,
      ]
    `);
  });

  it.each([
    ['options', 5, '5 (number)'],
    ['dimensions', { dimensions: 15 }, '15 (number)'],
    ['dimensions', { dimensions: 70_000 }, '70000 (number)'],
    ['dimensions', { dimensions: '64' }, '"64" (string)'],
    ['grams', { grams: [4, 3] }, 'an array of 2'],
    ['grams', { grams: [0, 3] }, 'an array of 2'],
    ['grams', { grams: 3 }, '3 (number)'],
  ])('refuses bad options: %s in %j', async (name, options, shown) => {
    await expectRefused(() => hashingEmbedder(options as never), name, shown);
  });
});
