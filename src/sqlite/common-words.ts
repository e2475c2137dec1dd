/**
 * Words that stand in almost every English text, in lower case. They say nothing about one, and would make each search
 * visit each row.
 *
 * Vectors of the hashing embedder depend on them too: with a change here its version must go up.
 */
export const COMMON_WORDS: ReadonlySet<string> = new Set(
  (
    'a about an and any are as at be but by can could did do does for from had has have how i if in into is it its me my ' +
    'no not of on or our so than that the their them then there these they this to was we were what when where which ' +
    'who why will with would you your'
  ).split(' '),
);
