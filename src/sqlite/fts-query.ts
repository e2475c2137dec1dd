import { COMMON_WORDS } from './common-words.js';

/** The most different words of a query that are looked for; further ones are ignored. */
export const MAX_QUERY_TERMS = 64;

/** How much of a query is read, in UTF-16 code units. */
export const MAX_QUERY_LENGTH = 16_384;

// Letters, digits and private use are what the tokenizer makes words of; marks belong to the letter before them.
const WORD = /[\p{L}\p{N}\p{Co}][\p{L}\p{N}\p{Co}\p{M}]*/gu;

/**
 * Makes an FTS5 expression of what a person typed. The text is never FTS5 syntax: it is cut into words, each of them
 * quoted, and a row that has any of them matches (the more and the rarer, the better it ranks). Common English words
 * count only where there is nothing else. Null when there is no word in it.
 */
export function ftsQuery(text: string): string | null {
  const words = wordsOf(text);
  return words.length === 0 ? null : `(${words.map((word) => `"${word}"`).join(' OR ')})`;
}

/** Looks for an {@link ftsQuery} in the columns of text only, and only among rows of a scope. */
export function ftsMatch(query: string, columns: readonly string[], scope: string | null): string {
  const inTexts = `{${columns.join(' ')}} : ${query}`;
  return scope === null ? inTexts : `scope : "${scope}" AND ${inTexts}`;
}

function wordsOf(text: string): string[] {
  // As they were typed: SQLite folds case by rules of its own, for what is stored and for what is looked for alike.
  const telling = new Map<string, string>();
  const common = new Map<string, string>();
  for (const [word] of text.slice(0, MAX_QUERY_LENGTH).matchAll(WORD)) {
    const folded = word.toLowerCase();
    (COMMON_WORDS.has(folded) ? common : telling).set(folded, word);
    if (telling.size === MAX_QUERY_TERMS) break;
  }
  const words = telling.size > 0 ? telling : common;
  return [...words.values()].slice(0, MAX_QUERY_TERMS);
}
