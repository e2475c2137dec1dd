import type { Tokenizer } from '@huggingface/tokenizers';
import { badModel } from './bad-model.js';

/** Turns a text into the numbers of its tokens. */
export interface StaticTokenizer {
  /** Of the text's tokens, those that count. */
  tokens(text: string): number[];
  /** One more than the highest number of a token. */
  readonly size: number;
}

export interface TokenizerOptions {
  /** How many tokens of a text count; null is all of them. */
  readonly maxTokens: number | null;
  /** Whether tokens that stand for what the tokenizer does not know are left out. */
  readonly dropsUnknown: boolean;
}

/** What is read here of a tokenizer.json. */
interface TokenizerFile {
  readonly truncation?: { readonly max_length?: number; readonly direction?: string } | null;
  readonly normalizer?: { readonly type?: string; readonly lowercase?: boolean } | null;
  readonly model?: { readonly unk_token?: string | null };
}

// Texts repeat words, and to find the parts of one costs more than to look them up. Longer ones are rarely words.
const MAX_CACHED_WORDS = 10_000;
const MAX_CACHED_CHARACTERS = 40;
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/**
 * A tokenizer as Model2Vec uses it: without special tokens and padding, and with as many characters as so many tokens
 * take usually, so that a text of any length costs no more than a long one.
 *
 * @param content of a tokenizer.json
 * @throws TreadleError INVALID_ARGUMENT, or an Error when @huggingface/tokenizers is not installed.
 */
export async function loadTokenizer(
  path: string,
  content: Buffer,
  { maxTokens, dropsUnknown }: TokenizerOptions,
): Promise<StaticTokenizer> {
  const { Tokenizer: HubTokenizer } = await importTokenizers();
  let tokenizer: Tokenizer;
  let file: TokenizerFile;
  try {
    file = JSON.parse(content.toString('utf8')) as TokenizerFile;
    // A list of whole words is told its unknown token from outside.
    tokenizer = new HubTokenizer(file, { unk_token: file.model?.unk_token });
  } catch (error) {
    throw badModel(path, `no tokenizer can be made of it (${error instanceof Error ? error.message : 'error'})`, error);
  }
  const vocabulary = tokenizer.get_vocab();
  const unknown = file.model?.unk_token;
  const dropped = dropsUnknown && typeof unknown === 'string' ? tokenizer.token_to_id(unknown) : undefined;
  const maxCharacters = maxTokens === null ? null : maxTokens * medianLength(vocabulary.keys());
  cacheWords(tokenizer);
  passPlainText(tokenizer, file.normalizer);
  return {
    size: vocabularySize(vocabulary.values()),
    tokens(text) {
      const part = maxCharacters === null ? text : firstCharacters(text, maxCharacters);
      const all = truncated(tokenizer.encode(part, { add_special_tokens: false }).ids, file.truncation);
      // A word that is unknown to a tokenizer without a token for that has no number.
      const kept = all.filter((token) => token !== undefined && token !== dropped);
      return maxTokens !== null && kept.length > maxTokens ? kept.slice(0, maxTokens) : kept;
    },
  };
}

async function importTokenizers(): Promise<typeof import('@huggingface/tokenizers')> {
  try {
    return await import('@huggingface/tokenizers');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('Static embedding models need @huggingface/tokenizers: npm i @huggingface/tokenizers', {
      cause: error,
    });
  }
}

/** Where a tokenizer.json says that texts are cut, its own library does it before anything else sees the tokens. */
function truncated(tokens: number[], truncation: TokenizerFile['truncation']): number[] {
  const max = truncation?.max_length;
  if (max === undefined || tokens.length <= max) return tokens;
  return truncation?.direction === 'Left' ? tokens.slice(-max) : tokens.slice(0, max);
}

/** The median length of tokens, in characters, rounded down. */
function medianLength(tokens: Iterable<string | undefined>): number {
  const lengths = Array.from(tokens, (token) => countCharacters(token ?? '')).sort((a, b) => a - b);
  const half = lengths.length >> 1;
  const upper = lengths[half] ?? 1;
  const median = lengths.length % 2 === 1 ? upper : ((lengths[half - 1] ?? upper) + upper) / 2;
  return Math.max(1, Math.floor(median));
}

function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** The first characters of a text; one beyond the basic plane counts once. */
function firstCharacters(text: string, count: number): string {
  if (text.length <= count) return text;
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left--) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  return text.slice(0, at);
}

/** Words are tokenised apart from each other, so what came of one holds for the next time. */
function cacheWords(tokenizer: Tokenizer): void {
  const model = tokenizer.model as { encode(words: string[]): string[] } | null;
  if (model === null) return;
  const encode = model.encode.bind(model);
  const cached = new Map<string, string[]>();
  model.encode = (words) => {
    const tokens: string[] = [];
    for (const word of words) {
      let parts = cached.get(word);
      if (parts === undefined) {
        parts = encode([word]);
        if (cached.size >= MAX_CACHED_WORDS) cached.clear();
        if (word.length <= MAX_CACHED_CHARACTERS) cached.set(word, parts);
      }
      for (const part of parts) tokens.push(part);
    }
    return tokens;
  };
}

/** BERT's normaliser, which looks at each character with regular expressions, only lower-cases plain ASCII. */
function passPlainText(tokenizer: Tokenizer, config: TokenizerFile['normalizer']): void {
  const { normalizer } = tokenizer;
  if (normalizer === null || config?.type !== 'BertNormalizer') return;
  const quick = (text: string): string => {
    if (!PLAIN_ASCII.test(text)) return normalizer(text);
    return config.lowercase === true ? text.toLowerCase() : text;
  };
  tokenizer.normalizer = quick as typeof normalizer;
}

function vocabularySize(tokens: Iterable<number>): number {
  let size = 0;
  for (const token of tokens) size = Math.max(size, token + 1);
  return size;
}
