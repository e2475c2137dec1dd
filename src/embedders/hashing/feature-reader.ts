import { COMMON_WORDS } from '../../sqlite/common-words.js';
import { FeatureCounts } from './feature-counts.js';
import { wordCharacters } from './word-characters.js';

// FNV-1a, 32 bits.
const PRIME = 0x0100_0193;
const RUN_SEED = 0x811c_9dc5;
const WORD_SEED = 0x1b87_3593;

// Stands before and after a word, so that its beginning and end are features too.
const BOUNDARY = 1;

// By hash, as words of a text are known by nothing else; only a word no longer than the longest is looked up.
const COMMON_HASHES = new Set(Array.from(COMMON_WORDS, wordHash));
const LONGEST_COMMON = Math.max(...Array.from(COMMON_WORDS, (word) => word.length));

/**
 * Finds the features of a text: its words, whose hashes are odd, and the runs of characters in them, whose hashes are
 * even. Common words have no runs: nobody misspells `the` or looks for its forms, but each text would be a little like
 * every other. Nothing is allocated for a word or a run: hashes grow along the character codes.
 */
export class FeatureReader {
  readonly #features: FeatureCounts;
  readonly #min: number;
  readonly #max: number;
  readonly #isWord = wordCharacters();
  /** Texts repeat words: each different one is looked into once, and its runs counted as often as it occurs. */
  readonly #words = new FeatureCounts();
  /** The different words of the text, one after the other, each between two boundary marks. */
  #codes: Uint16Array = new Uint16Array(1_024);
  /** Where each of them ends. */
  readonly #ends: number[] = [];

  constructor(features: FeatureCounts, min: number, max: number) {
    this.#features = features;
    this.#min = min;
    this.#max = max;
  }

  read(text: string): void {
    this.#readWords(text.normalize('NFKC').toLowerCase());
    const words = this.#words;
    let from = 0;
    for (let word = 0; word < words.size; word++) {
      const to = this.#ends[word] as number;
      const count = words.counts[word] as number;
      const hash = words.keys[word] as number;
      this.#features.add(hash | 1, count);
      // Two of the codes are boundary marks.
      if (to - from - 2 > LONGEST_COMMON || !COMMON_HASHES.has(hash)) this.#countRuns(from, to, count);
      from = to;
    }
    words.clear();
  }

  #readWords(text: string): void {
    const isWord = this.#isWord;
    const words = this.#words;
    const { length } = text;
    // A word of one character takes three codes; every other one needs a character between it and the next.
    if (this.#codes.length < length * 2 + 3) this.#codes = new Uint16Array(length * 3);
    const codes = this.#codes;
    let start = 0;
    let end = 1;
    let hash = WORD_SEED;
    codes[0] = BOUNDARY;
    for (let at = 0; at <= length; at++) {
      const code = at < length ? text.charCodeAt(at) : 0;
      if (isWord[code] === 1) {
        codes[end++] = code;
        hash = Math.imul(hash ^ code, PRIME);
      } else if (end - start > 1) {
        const known = words.size;
        if (words.add(mix(hash), 1) === known) {
          codes[end++] = BOUNDARY;
          this.#ends[known] = end;
          start = end;
          codes[start] = BOUNDARY;
        }
        end = start + 1;
        hash = WORD_SEED;
      }
    }
  }

  #countRuns(start: number, end: number, count: number): void {
    const codes = this.#codes;
    const features = this.#features;
    const min = this.#min;
    const max = this.#max;
    for (let from = start; from + min <= end; from++) {
      const to = Math.min(end, from + max);
      let hash = RUN_SEED;
      for (let at = from; at < to; at++) {
        hash = Math.imul(hash ^ (codes[at] as number), PRIME);
        if (at - from + 1 >= min) features.add(mix(hash) & ~1, count);
      }
    }
  }
}

/** What `#readWords` makes of a word. */
function wordHash(word: string): number {
  let hash = WORD_SEED;
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), PRIME);
  return mix(hash);
}

// The last step of MurmurHash3: makes every bit depend on every other.
function mix(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
