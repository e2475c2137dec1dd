const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi;

/** Words after which a run is a fingerprint of something public: `sha512-…`, `commit 9f3c…`, `hash: …`. */
const FINGERPRINT_BEFORE =
  /(?:\b(?:sha-?\d{1,3}|md5|blake\w{0,3}|commit|hash|digest|checksum|integrity|revision|rev|etag|tree|blob|object|uuid)\b["']?[\s:=-]{1,3}["']?)$/i;

/** Inside a path, or a file name: a separator before, a separator or an extension after. */
const PATH_BEFORE = /(?:[/\\~@]|\.{1,2}\/)$/;
const PATH_AFTER = /^(?:[/\\]|\.[a-z][a-z\d]{0,4}(?![\w-]))/;

/** A word inside an identifier, or a name of the trade that holds digits and is none the more random for it. */
const WORD =
  /(?:UTF|Base|SHA|MD|[Ii]nt|Float|IPv|HTTP|OAuth|AES|RSA|Poly|ChaCha|Win|Ed|X|x|es|ES)\d{1,5}|[A-Z]?[a-z]{3,}|[A-Z]{4,}/g;

/** Shortest random run, in characters: of mixed case, and of one case (hexadecimal, base 32, base 36). */
const MIN_MIXED = 24;
const MIN_ONE_CASE = 32;

/**
 * True where a run of word characters, `+`, `/` and `-` is as random as a key. Shannon's entropy hardly tells a key of 30
 * characters from an identifier of 30, so this counts what words are made of: how often the kind of character changes (0.65 of
 * all places in random base 64, 0.2 to 0.4 in identifiers) less the share taken by words of three lower-case letters and more
 * (0.1 in random base 64, 0.6 to 0.9 in identifiers).
 *
 * It is a guess: of random base 64 it misses 3 % at 24 characters, 0.5 % at 40 and 0.03 % at 64. Names and known shapes come first.
 *
 * @param run the whole run, at least 24 characters.
 * @param before a few characters that stand before it.
 * @param after a few characters that stand after it.
 */
export function isRandomRun(run: string, before: string, after: string): boolean {
  if (FINGERPRINT_BEFORE.test(before) || /^sha\d{1,3}-/i.test(run)) return false;
  const padded = run.endsWith('=');
  if (!padded && PATH_AFTER.test(after)) return false;
  const slash = run.includes('/');
  if (!slash) return !PATH_BEFORE.test(before) && run.replace(UUID, ' ').split(' ').some(isRandom);
  if (PATH_BEFORE.test(before) || /[.:]$/.test(before)) return false;
  // A path has segments that are words; random base 64 has none, and no leading slash but by chance.
  const segments = run.split('/');
  if (!padded && (run.startsWith('/') || segments.some((segment) => /^[A-Z]?[a-z]{2,}$|^$/.test(segment))))
    return false;
  return run.length >= MIN_ONE_CASE && isMixed(run) && randomness(run) > 0;
}

function isRandom(run: string): boolean {
  if (isMixed(run)) return run.length >= MIN_MIXED && randomness(run) > -0.15;
  if (run.length < MIN_ONE_CASE || !/[a-z]/i.test(run) || !/\d/.test(run)) return false;
  return (run.match(/\d(?=[a-z])|[a-z](?=\d)/gi)?.length ?? 0) / run.length >= 0.18;
}

function isMixed(run: string): boolean {
  return /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run);
}

function randomness(run: string): number {
  let changes = 0;
  let last = kindOf(run.charCodeAt(0));
  for (let at = 1; at < run.length; at++) {
    const kind = kindOf(run.charCodeAt(at));
    if (kind === 0) continue; // what parts words is no change of kind: css-inline-3
    if (kind !== last) changes++;
    last = kind;
  }
  let inWords = 0;
  for (const [word] of run.matchAll(WORD)) if (isSpoken(word)) inWords += word.length;
  return (changes - inWords) / run.length;
}

/** Half of all random letters in a row have no vowel, or too few. */
function isSpoken(word: string): boolean {
  return /\d/.test(word) || (/[aeiouy]/i.test(word) && !/[^aeiouy]{5}/i.test(word));
}

function kindOf(code: number): number {
  if (code >= 97 && code <= 122) return 1;
  if (code >= 65 && code <= 90) return 2;
  return code >= 48 && code <= 57 ? 3 : 0;
}
