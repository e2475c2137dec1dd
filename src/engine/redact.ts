import { redactPairs } from './secret-pairs.js';
import { redactShapes } from './secret-shapes.js';

/** What stands in a text where a secret was. */
export const REDACTED = '[REDACTED]';

/** A pass may uncover a pair that the text hid; honest texts are settled after the first. */
const MAX_PASSES = 4;

/**
 * Replaces secrets in a text by `[REDACTED]`, judging by structure: credentials in URLs, pairs and headers whose name
 * says secret, token shapes that are well known, and runs of characters as random as a key. Names of tasks, UUIDs,
 * hashes in paths and file names, identifiers, prose and stack traces stay as they are.
 *
 * Time grows linearly with the text. Redacting twice gives what redacting once gave. Redact first and cut afterwards:
 * half a token is not recognised. A run of under 24 characters that nothing names as a secret is kept, since task ids
 * look no different.
 *
 * @param text any string, lone surrogates included. Never throws.
 */
export function redact(text: string): string {
  let before = text;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const after = redactPairs(redactShapes(before, REDACTED), REDACTED);
    if (after === before) return after;
    before = after;
  }
  // Only a text built to do so still changes here. Keeping nothing of it is safe, and holds the two promises above.
  return redactPairs(redactShapes(before, REDACTED), REDACTED) === before ? before : REDACTED;
}
