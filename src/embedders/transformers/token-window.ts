import type { PreTrainedTokenizer } from '@huggingface/transformers';

// No tokenizer has tokens so long in ordinary text: what lies beyond can't count, and need not be tokenised.
const MAX_TOKEN_CHARACTERS = 64;
// A word that every tokenizer knows, or has a token for unknown ones.
const PROBE = 'a';

/**
 * Tokenises texts, and shortens them to so many tokens without losing the special ones at the end: a model expects its
 * `[SEP]` or end-of-text there, and the tokenizers of transformers.js cut them off.
 */
export class TokenWindow {
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #max: number;
  /** How many special tokens stand after a text. */
  readonly #tail: number;

  constructor(tokenizer: PreTrainedTokenizer, max: number) {
    this.#tokenizer = tokenizer;
    this.#max = max;
    const special = this.#encode('');
    const probe = this.#encode(PROBE);
    let head = 0;
    while (head < special.length && special[head] === probe[head]) head++;
    this.#tail = Math.min(special.length - head, max);
  }

  /** The numbers of a text's tokens, special ones included. */
  tokens(text: string): number[] {
    const tokens = this.#encode(text.slice(0, this.#max * MAX_TOKEN_CHARACTERS));
    if (tokens.length <= this.#max) return tokens;
    const end = tokens.length - this.#tail;
    return [...tokens.slice(0, this.#max - this.#tail), ...tokens.slice(end)];
  }

  #encode(text: string): number[] {
    return this.#tokenizer(text, { return_tensor: false }).input_ids;
  }
}

/** As many tokens as a model takes, by what its files say; Infinity where they don't. */
export function tokensTaken(tokenizer: PreTrainedTokenizer, positions: number | undefined): number {
  // Where no limit was given, tokenizers are saved with one of 10^30, which is none.
  const limits = [tokenizer.model_max_length, positions ?? Infinity].filter((limit) => limit > 0);
  return Math.min(...limits);
}
