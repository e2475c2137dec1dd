import { isAbsolute, resolve } from 'node:path';
import { invalidArgument, onlyKeys } from '../../engine/errors.js';
import { integer } from '../../engine/options.js';

/** How the numbers of a model are kept. Each is a file of its own: `onnx/model.onnx`, `onnx/model_quantized.onnx` … */
export type TransformersDtype = 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4';

/** How the vectors of a text's tokens become one. */
export type Pooling = 'mean' | 'cls' | 'last' | 'model';

/** Which model, and how it is used. */
export interface TransformersOptions {
  /**
   * A folder, as an absolute path, or the id of a model on the Hugging Face hub: `'Xenova/all-MiniLM-L6-v2'`. In the
   * folder are `config.json`, `tokenizer.json`, `tokenizer_config.json` and `onnx/model.onnx`, as on the hub. Nothing is
   * ever fetched for a folder.
   */
  model: string;
  /**
   * Branch, tag or commit of a model on the hub. Where it is a branch, each machine keeps what it found there first.
   *
   * @default 'main'
   */
  revision?: string;
  /**
   * Which of the model's files is used. What is smaller loads sooner; on a CPU `q8` is often the quickest and `fp16`
   * rarely is.
   *
   * @default 'fp32'
   */
  dtype?: TransformersDtype;
  /**
   * What the model was trained for: the mean of all tokens (MiniLM, e5, gte), the first token (`'cls'`: bge, mxbai), the
   * last (Qwen3-Embedding), or what the model itself gives as `sentence_embedding` (`'model'`: EmbeddingGemma).
   *
   * @default 'mean'
   */
  pooling?: Pooling;
  /** Stands before each text, where the model was trained so: `'passage: '` for e5. @default '' */
  prefix?: string;
  /** Stands before each query instead, in `embedQueries()`: `'query: '` for e5. @default the same as `prefix` */
  queryPrefix?: string;
  /**
   * How many tokens of a text count, special ones included. An integer from 1. Time and memory grow faster than it does.
   *
   * @default as many as the model takes, but at most 512
   */
  maxTokens?: number;
  /**
   * How many texts may go through the model at once, as long as they have few tokens. An integer from 1. With `q8`,
   * `int8` and `uint8`, what shares a batch is rounded together: vectors then differ a little with their neighbours.
   *
   * @default 32; with `q8`, `int8` and `uint8` 1
   */
  batchSize?: number;
  /** Where models of the hub are kept, a folder. @default the one of transformers.js, which is inside node_modules */
  cacheDir?: string;
  /** Whether a model of the hub that is not in `cacheDir` is fetched by the first thread that needs it. @default true */
  allowDownload?: boolean;
}

/** Options with their defaults filled in; what only the model knows is null. */
export interface ResolvedTransformers {
  readonly model: string;
  /** Whether `model` is a folder. */
  readonly local: boolean;
  readonly revision: string;
  readonly dtype: TransformersDtype;
  readonly pooling: Pooling;
  readonly prefix: string;
  readonly queryPrefix: string;
  readonly maxTokens: number | null;
  readonly batchSize: number;
  readonly cacheDir: string | null;
  readonly allowDownload: boolean;
}

const KEYS = [
  'model',
  'revision',
  'dtype',
  'pooling',
  'prefix',
  'queryPrefix',
  'maxTokens',
  'batchSize',
  'cacheDir',
  'allowDownload',
] as const satisfies readonly (keyof TransformersOptions)[];

const DTYPES = ['fp32', 'fp16', 'q8', 'int8', 'uint8', 'q4', 'q4f16', 'bnb4'] as const;
const POOLINGS = ['mean', 'cls', 'last', 'model'] as const;
const HUB_ID = /^(?:[\w-][\w.-]{0,95}\/)?[\w-][\w.-]{0,95}$/;
const REVISION = /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;
const DEFAULT_BATCH = 32;

/** @throws TreadleError INVALID_ARGUMENT */
export function resolveTransformers(options: TransformersOptions): ResolvedTransformers {
  onlyKeys('options', options, KEYS);
  const { model, revision, maxTokens, cacheDir, prefix = '', allowDownload = true } = options;
  if (typeof model !== 'string' || !(isAbsolute(model) || HUB_ID.test(model))) {
    throw invalidArgument('model', "the absolute path of a folder, or a model's id on the hub", model);
  }
  const local = isAbsolute(model);
  if (revision !== undefined && (local || typeof revision !== 'string' || !REVISION.test(revision))) {
    const expected = local ? 'left out for a folder' : 'a branch, a tag or a commit';
    throw invalidArgument('revision', expected, revision);
  }
  if (cacheDir !== undefined && (typeof cacheDir !== 'string' || cacheDir === '')) {
    throw invalidArgument('cacheDir', 'the path of a folder', cacheDir);
  }
  if (typeof allowDownload !== 'boolean') throw invalidArgument('allowDownload', 'a boolean', allowDownload);
  const dtype = oneOf('dtype', options.dtype ?? 'fp32', DTYPES);
  return {
    model: local ? resolve(model) : model,
    local,
    revision: revision ?? 'main',
    dtype,
    pooling: oneOf('pooling', options.pooling ?? 'mean', POOLINGS),
    prefix: checkText('prefix', prefix),
    queryPrefix: checkText('queryPrefix', options.queryPrefix ?? prefix),
    maxTokens: maxTokens === undefined ? null : integer('maxTokens', maxTokens, 1),
    batchSize: integer('batchSize', options.batchSize, 1, roundsBatches(dtype) ? 1 : DEFAULT_BATCH),
    cacheDir: cacheDir === undefined ? null : resolve(cacheDir),
    allowDownload,
  };
}

/** Whether activations are rounded on a scale that is taken from the whole batch (dynamic quantisation). */
function roundsBatches(dtype: TransformersDtype): boolean {
  return dtype === 'q8' || dtype === 'int8' || dtype === 'uint8';
}

function oneOf<Value extends string>(name: string, value: unknown, values: readonly Value[]): Value {
  if ((values as readonly unknown[]).includes(value)) return value as Value;
  throw invalidArgument(name, `one of ${values.join(', ')}`, value);
}

function checkText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalidArgument(name, 'a string', value);
}
