import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { invalidArgument } from '../engine/errors.js';
import { badModel } from './static/bad-model.js';
import type { Embedder } from './embedder.js';
import type { EmbedderModule } from './embedder-module.js';
import { readUnchanged } from './static/file-stamp.js';
import { SharedTable } from './static/shared-table.js';
import { type StaticPlan, planModel } from './static/model-plan.js';
import { TokenVectors } from './static/token-vectors.js';
import { loadTokenizer } from './static/model-tokenizer.js';

/** Which static embedding model, and how it is used. */
export interface StaticModelOptions {
  /**
   * Where the model lies, as Model2Vec or sentence-transformers save it: `model.safetensors` and `tokenizer.json`, in the
   * folder itself or in `0_StaticEmbedding`.
   */
  folder: string;
  /**
   * Keeps the first numbers of each vector only, for models trained for that (Matryoshka). An integer from 1.
   *
   * @default all
   */
  dimensions?: number;
  /**
   * How many tokens of a text count. An integer from 1.
   *
   * @default 512 for models of Model2Vec and all for those of sentence-transformers, which is what these do themselves
   */
  maxTokens?: number;
}

/** What the function of this module takes: with `shared` from {@link staticModel}, or without for a table of its own. */
export interface StaticEmbedderOptions extends StaticModelOptions {
  readonly shared?: SharedModel;
}

/** A plan and the memory that is filled according to it; threads are given the same memory. */
export interface SharedModel {
  readonly plan: StaticPlan;
  readonly buffer: SharedArrayBuffer;
}

// Part of the name: to be raised with every change that changes a vector, or the digest of a table.
const VERSION = 1;
const MODEL2VEC_MAX_TOKENS = 512;

/**
 * Names a static embedding model whose table is in memory once, for all threads and this one: whoever needs it first
 * loads it. The call itself reads no more than headers. Give the same result to all that shall share the table.
 *
 * @example
 * const embedder = staticModel({ folder: 'models/potion-base-8M' });
 * new TaskManager({ types: memoryTasks({ path, embedder }) });
 * openStore({ path, embedder: await loadEmbedder(embedder) });
 * @throws TreadleError INVALID_ARGUMENT, when there is no such model in the folder, or it can't be read here.
 */
export function staticModel(options: StaticModelOptions): EmbedderModule {
  const { folder, dimensions, maxTokens } = checkOptions(options);
  const shared = makeRoom(planModel(folder, dimensions));
  const given = { ...(dimensions !== undefined && { dimensions }), ...(maxTokens !== undefined && { maxTokens }) };
  const embedderOptions: StaticEmbedderOptions = { folder, ...given, shared };
  return { module: 'treadle/embedders/static', options: embedderOptions };
}

/**
 * The embedder itself: the mean of the vectors of a text's tokens, made length 1. A text without known tokens is all
 * zeros. Static embeddings (Tulkens and van Dongen 2024, "Model2Vec") know meaning, though not word order, and need a
 * small fraction of a transformer's time. Tokenizers come from `@huggingface/tokenizers`, an optional peer.
 *
 * Its name holds a digest of the model's numbers and its tokenizer.json.
 *
 * @throws TreadleError INVALID_ARGUMENT for options and models; an Error when a file has changed since
 *   {@link staticModel}, or `@huggingface/tokenizers` is missing.
 */
export default async function staticEmbedder(options: StaticEmbedderOptions): Promise<Embedder> {
  const { folder, dimensions: wanted, maxTokens: asked, shared } = checkOptions(options);
  const { plan, buffer } = shared ?? makeRoom(planModel(folder, wanted));
  const like2vec = plan.like === 'model2vec';
  const maxTokens = asked ?? (like2vec ? MODEL2VEC_MAX_TOKENS : null);
  const content = await readUnchanged(plan.tokenizer);
  const tokenizer = await loadTokenizer(plan.tokenizer.path, content, { maxTokens, dropsUnknown: like2vec });
  const table = new SharedTable(plan, buffer);
  await table.load();
  const vectors = new TokenVectors(plan, table);
  if (tokenizer.size > vectors.tokens) {
    const counts = `${tokenizer.size} tokens, and ${plan.model.path} vectors for ${vectors.tokens}`;
    throw badModel(plan.tokenizer.path, `it has ${counts}`);
  }
  const { dimensions } = plan;
  return {
    name: `static-v${VERSION}-${digestOf(plan, table, content)}-d${dimensions}-t${maxTokens ?? 'all'}`,
    dimensions,
    embed(texts) {
      const matrix = new Float32Array(texts.length * dimensions);
      for (const [row, text] of texts.entries()) {
        vectors.mean(tokenizer.tokens(text), matrix.subarray(row * dimensions, (row + 1) * dimensions));
      }
      return matrix;
    },
  };
}

function makeRoom(plan: StaticPlan): SharedModel {
  // The system gives it memory as it is written to.
  return { plan, buffer: new SharedArrayBuffer(SharedTable.bytes(plan)) };
}

/** What vectors depend on, but for the options. */
function digestOf({ vectors, weights, mapping, like }: StaticPlan, table: SharedTable, tokenizer: Buffer): string {
  const form = [vectors, weights, mapping].map((section) => section && [section.dtype, section.rows, section.columns]);
  return createHash('sha256')
    .update(JSON.stringify([like, form]))
    .update(table.digest())
    .update(createHash('sha256').update(tokenizer).digest())
    .digest('hex')
    .slice(0, 12);
}

function checkOptions(options: unknown): StaticEmbedderOptions {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { folder, dimensions, maxTokens, shared } = options as Partial<StaticEmbedderOptions>;
  if (typeof folder !== 'string' || folder === '') {
    throw invalidArgument('folder', 'the folder of a static embedding model', folder);
  }
  for (const [name, value] of Object.entries({ dimensions, maxTokens })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) {
      throw invalidArgument(name, 'an integer >= 1', value);
    }
  }
  if (shared !== undefined && !((shared as Partial<SharedModel> | null)?.buffer instanceof SharedArrayBuffer)) {
    throw invalidArgument('shared', 'what staticModel() made', shared);
  }
  return { ...(options as StaticEmbedderOptions), folder: resolve(folder) };
}
