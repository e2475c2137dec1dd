import type { Tensor } from '@huggingface/transformers';
import { normalize, pool } from './pooling.js';
import { TokenWindow } from './token-window.js';
import type { ResolvedTransformers } from './model-options.js';
import { type ModelOutputs, type TransformersRuntime, outputOf } from './model-runtime.js';

/** A text of a batch: its tokens, and the row of the result that is its own. */
interface Entry {
  readonly tokens: readonly number[];
  readonly row: number;
}

// On one thread, more tokens than these at once gain nothing, and beyond some thousand they lose: the numbers of a
// batch no longer fit the caches. Few tokens at once also let the thread hear a cancel or a wake-up in between.
const BATCH_TOKENS = 512;
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings'];
const TEXT_OUTPUTS = ['sentence_embedding'];

/** Runs texts through a model in batches of about the same length, longest first. */
export class TransformersEmbedder {
  readonly #runtime: TransformersRuntime;
  readonly #options: ResolvedTransformers;
  readonly #window: TokenWindow;
  readonly #padding: bigint;
  #closed: Promise<unknown> | null = null;

  constructor(runtime: TransformersRuntime, options: ResolvedTransformers, maxTokens: number) {
    this.#runtime = runtime;
    this.#options = options;
    this.#window = new TokenWindow(runtime.tokenizer, maxTokens);
    // Padding is masked, so that any token would do; a model may know it by its number, though.
    this.#padding = BigInt(runtime.tokenizer.pad_token_id ?? 0);
  }

  /** Numbers in a vector, found by embedding something. */
  async dimensions(): Promise<number> {
    const tokens = this.#window.tokens('a');
    const output = await this.#run([{ tokens, row: 0 }], Math.max(1, tokens.length));
    return output.dims.at(-1) as number;
  }

  async embed(texts: readonly string[], prefix: string, dimensions: number): Promise<Float32Array> {
    if (this.#closed !== null) throw new Error('Expected the embedder to be open: it was closed');
    const matrix = new Float32Array(texts.length * dimensions);
    const entries = texts.map((text, row) => ({ tokens: this.#window.tokens(prefix + text), row }));
    // A text without any token stays all zero.
    const rest = entries.filter(({ tokens }) => tokens.length > 0).sort((a, b) => b.tokens.length - a.tokens.length);
    for (let from = 0; from < rest.length;) {
      const length = (rest[from] as Entry).tokens.length;
      const size = Math.max(1, Math.min(this.#options.batchSize, Math.floor(BATCH_TOKENS / length)));
      const batch = rest.slice(from, from + size);
      this.#collect(await this.#run(batch, length), batch, length, matrix, dimensions);
      from += size;
    }
    return matrix;
  }

  /** Gives back the model's memory. */
  async close(): Promise<void> {
    this.#closed ??= this.#runtime.model.dispose();
    await this.#closed;
  }

  /** The model's output for a batch whose longest text has `length` tokens. */
  async #run(batch: readonly Entry[], length: number): Promise<Tensor> {
    const { Tensor, model, files } = this.#runtime;
    const ids = new BigInt64Array(batch.length * length).fill(this.#padding);
    const mask = new BigInt64Array(batch.length * length);
    for (const [row, { tokens }] of batch.entries()) {
      for (const [at, token] of tokens.entries()) {
        ids[row * length + at] = BigInt(token);
        mask[row * length + at] = 1n;
      }
    }
    const shape = [batch.length, length];
    const inputs = { input_ids: new Tensor('int64', ids, shape), attention_mask: new Tensor('int64', mask, shape) };
    const outputs = (await model(inputs)) as ModelOutputs;
    const byModel = this.#options.pooling === 'model';
    return outputOf(outputs, byModel ? TEXT_OUTPUTS : TOKEN_OUTPUTS, byModel ? 2 : 3, files.folder);
  }

  #collect(output: Tensor, batch: readonly Entry[], length: number, matrix: Float32Array, dimensions: number): void {
    const { pooling } = this.#options;
    const data = output.data as Float32Array;
    for (const [at, { tokens, row }] of batch.entries()) {
      const vector = matrix.subarray(row * dimensions, (row + 1) * dimensions);
      if (pooling === 'model') {
        vector.set(data.subarray(at * dimensions, (at + 1) * dimensions));
        normalize(vector);
      } else {
        pool(pooling, { data, length, dimensions }, at, tokens.length, vector);
      }
    }
  }
}
