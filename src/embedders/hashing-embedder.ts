import { invalidArgument } from '../engine/errors.js';
import type { Embedder } from './embedder.js';
import { FeatureCounts } from './hashing/feature-counts.js';
import { FeatureReader } from './hashing/feature-reader.js';

/** How {@link hashingEmbedder} makes vectors. */
export interface HashingOptions {
  /** Numbers in a vector. An integer from 16 to 65,536; the more, the fewer features share one. @default 480 */
  dimensions?: number;
  /** The shortest and the longest run of characters that counts as a feature. Integers from 1 to 16. @default [3, 5] */
  grams?: readonly [min: number, max: number];
}

// Two such vectors fill a page of SQLite.
const DEFAULT_DIMENSIONS = 480;
const DEFAULT_GRAMS = [3, 5] as const;
const MAX_DIMENSIONS = 65_536;
const MAX_GRAM = 16;

// Part of the name: to be raised with every change that changes a vector.
const VERSION = 2;

// A word has a dozen runs, so each weighs less than the word. Of 0.3 to 1.5, judged queries found their answers best and
// about equally well with 0.7 to 1.5, and ever worse below.
const RUN_WEIGHT = 0.7;
// What a feature that occurs n times weighs: 1 + ln n.
const TIMES = Float64Array.from({ length: 64 }, (_, n) => (n === 0 ? 0 : 1 + Math.log(n)));

/**
 * Vectors by feature hashing (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"): every
 * lower-cased word and, but in common English ones, every run of 3 to 5 characters in it, with marks for where a word
 * begins and ends, is hashed to a place in the vector and a sign; a feature that occurs n times weighs 1 + ln n.
 *
 * It needs no model, no download and no training, and makes some ten thousand vectors a second. It sees spelling only:
 * texts are close when they share words or parts of words, so inflected forms and typing errors are no obstacle.
 * Synonyms, paraphrases, other languages, word order and negation are all beyond it. Where meaning matters, use a
 * trained model behind the same {@link Embedder} interface.
 *
 * @throws TreadleError INVALID_ARGUMENT
 */
export function hashingEmbedder(options: HashingOptions = {}): Embedder {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { dimensions = DEFAULT_DIMENSIONS, grams = DEFAULT_GRAMS } = options;
  if (!Number.isSafeInteger(dimensions) || dimensions < 16 || dimensions > MAX_DIMENSIONS) {
    throw invalidArgument('dimensions', `an integer from 16 to ${MAX_DIMENSIONS}`, dimensions);
  }
  const [min, max] = checkGrams(grams);
  const features = new FeatureCounts();
  const reader = new FeatureReader(features, min, max);
  return {
    name: `hashing-v${VERSION}-d${dimensions}-g${min}-${max}`,
    dimensions,
    embed(texts) {
      const matrix = new Float32Array(texts.length * dimensions);
      for (const [row, text] of texts.entries()) {
        reader.read(text);
        spread(features, matrix.subarray(row * dimensions, (row + 1) * dimensions));
        features.clear();
      }
      return matrix;
    },
  };
}

function checkGrams(grams: unknown): readonly [number, number] {
  const [min, max] = (Array.isArray(grams) ? grams : []) as number[];
  if (Number.isSafeInteger(min) && Number.isSafeInteger(max)) {
    const pair = [min as number, max as number] as const;
    if (pair[0] >= 1 && pair[0] <= pair[1] && pair[1] <= MAX_GRAM) return pair;
  }
  throw invalidArgument('grams', `[min, max], integers from 1 to ${MAX_GRAM}`, grams);
}

/** Adds up the features of one text into `vector`, and makes its length 1. A text without a word stays all zero. */
function spread({ size, keys, counts }: FeatureCounts, vector: Float32Array): void {
  const dimensions = vector.length;
  for (let feature = 0; feature < size; feature++) {
    const hash = keys[feature] as number;
    const count = counts[feature] as number;
    // Bit 0 tells words from runs, bit 1 is the sign, the upper 16 bits choose the place. All of it is arithmetic: a
    // branch on a random bit would cost more than the rest.
    const place = ((hash >>> 16) * dimensions) >>> 16;
    const kind = RUN_WEIGHT + (1 - RUN_WEIGHT) * (hash & 1);
    const times = count < TIMES.length ? (TIMES[count] as number) : 1 + Math.log(count);
    vector[place] = (vector[place] as number) + (1 - (hash & 2)) * kind * times;
  }
  let squares = 0;
  for (let at = 0; at < dimensions; at++) squares += (vector[at] as number) ** 2;
  if (squares === 0) return;
  const scale = 1 / Math.sqrt(squares);
  for (let at = 0; at < dimensions; at++) vector[at] = (vector[at] as number) * scale;
}
