import { createHash } from 'node:crypto';
import { invalidArgument } from '../engine/errors.js';
import type { Embedder } from './embedder.js';
import type { EmbedderModule } from './embedder-module.js';
import { tokensTaken } from './transformers/token-window.js';
import { TransformersEmbedder } from './transformers/model-embedder.js';
import { filesOf } from './transformers/model-files.js';
import {
  type ResolvedTransformers,
  type TransformersOptions,
  resolveTransformers,
} from './transformers/model-options.js';
import { type TransformersRuntime, loadTransformers } from './transformers/model-runtime.js';

export type { Pooling, TransformersDtype, TransformersOptions } from './transformers/model-options.js';

/** An embedder for models that treat queries and texts differently. */
export interface QueryEmbedder extends Embedder {
  /** As `embed`, with `queryPrefix` before each instead of `prefix`: its vectors are to be compared with those. */
  embedQueries(queries: readonly string[]): Promise<Float32Array>;
  close(): Promise<void>;
}

// Part of the name: to be raised with every change that changes a vector.
const VERSION = 1;
const DEFAULT_MAX_TOKENS = 512;

/**
 * Names a transformer model in ONNX format, run by transformers.js (`npm i @huggingface/transformers`), an optional peer.
 * Each thread loads it for itself, so memory is needed for as many as there are threads. The call itself only looks
 * whether a folder has the model's files.
 *
 * ONNX Runtime aborts the process when a thread is ended while the model runs or loads on it. So tasks that embed with it
 * are never ended by force, only asked to stop; and the host should end by `close()`, not by `process.exit()` while one
 * runs.
 *
 * @example
 * const embedder = transformersModel({ model: '/models/all-MiniLM-L6-v2' });
 * new TaskManager({ types: memoryTasks({ path, embedder }) });
 * @throws TreadleError INVALID_ARGUMENT, also when a file of a local model is not there.
 */
export function transformersModel(options: TransformersOptions): EmbedderModule {
  const resolved = resolveTransformers(options);
  if (resolved.local) filesOf(resolved, null).check();
  // Resolved here: a path is relative to the host's working directory.
  const cacheDir = resolved.cacheDir === null ? {} : { cacheDir: resolved.cacheDir };
  return { module: 'treadle/embedders/transformers', options: { ...options, ...cacheDir }, killable: false };
}

/**
 * The embedder itself, on this thread: one vector of length 1 a text, whatever else is embedded with it.
 *
 * Its name holds a digest of the model's files, so that it changes with the model and not with where it lies.
 *
 * @throws TreadleError INVALID_ARGUMENT for options and models; an Error when `@huggingface/transformers` is missing, or
 *   a model can't be fetched or loaded.
 */
export default async function transformersEmbedder(options: TransformersOptions): Promise<QueryEmbedder> {
  const resolved = resolveTransformers(options);
  if (resolved.local) filesOf(resolved, null).check();
  const runtime = await loadTransformers(resolved);
  try {
    const maxTokens = maxTokensOf(resolved, runtime);
    const embedder = new TransformersEmbedder(runtime, resolved, maxTokens);
    const dimensions = await embedder.dimensions();
    return {
      name: nameOf(resolved, await runtime.files.digest(), maxTokens),
      dimensions,
      embed: (texts) => embedder.embed(texts, resolved.prefix, dimensions),
      embedQueries: (queries) => embedder.embed(queries, resolved.queryPrefix, dimensions),
      close: () => embedder.close(),
    };
  } catch (error) {
    await runtime.model.dispose();
    throw error;
  }
}

function maxTokensOf({ maxTokens }: ResolvedTransformers, { tokenizer, files }: TransformersRuntime): number {
  const positions = files.config().max_position_embeddings;
  if (maxTokens === null) return Math.min(tokensTaken(tokenizer, positions), DEFAULT_MAX_TOKENS);
  // What the tokenizer says is advice; beyond its last position a model fails, or reads other numbers.
  if (positions === undefined || maxTokens <= positions) return maxTokens;
  throw invalidArgument('maxTokens', `an integer from 1 to ${positions}, which is what the model takes`, maxTokens);
}

/** The query's prefix is no part of it: it changes no vector that is stored. */
function nameOf({ pooling, prefix }: ResolvedTransformers, files: string, maxTokens: number): string {
  const digest = createHash('sha256').update(files).update(prefix).digest('hex').slice(0, 12);
  return `transformers-v${VERSION}-${digest}-${pooling}-t${maxTokens}`;
}
