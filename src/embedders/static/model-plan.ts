import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '../../engine/errors.js';
import { badModel } from './bad-model.js';
import { type FileStamp, stampOf } from './file-stamp.js';
import { type Tensor, readTensors } from './safetensors.js';

/** A tensor as rows, of which the first numbers are kept. */
export interface Section {
  readonly tensor: string;
  readonly dtype: string;
  readonly rows: number;
  /** Numbers of a row in the file. */
  readonly columns: number;
  /** How many of them are kept in memory. */
  readonly kept: number;
  /** Bytes from the beginning of the file. */
  readonly from: number;
}

/** What is to be read of a model: known from its header alone, and cloneable. */
export interface StaticPlan {
  readonly model: FileStamp;
  readonly tokenizer: FileStamp;
  readonly vectors: Section;
  /** What each token weighs. */
  readonly weights: Section | null;
  /** The row of each token's vector; where there is none, it is the token's number. */
  readonly mapping: Section | null;
  /** Numbers of a vector as stored. */
  readonly dimensions: number;
  /**
   * Model2Vec leaves unknown tokens out and looks at 512 tokens of a text; sentence-transformers takes all as they are.
   */
  readonly like: 'model2vec' | 'sentence-transformers';
}

const FOLDERS = ['', '0_StaticEmbedding'];
const VECTOR_DTYPES = ['F64', 'F32', 'F16', 'BF16', 'I8'];
const WEIGHT_DTYPES = ['F64', 'F32', 'F16', 'BF16'];
const MAPPING_DTYPES = ['I64', 'I32'];
const MAX_DIMENSIONS = 65_536;

/**
 * Looks what there is in a model's folder, without reading more than headers.
 *
 * @throws TreadleError INVALID_ARGUMENT
 */
export function planModel(folder: string, dimensions?: number): StaticPlan {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw invalidArgument('folder', 'the folder of a static embedding model', folder);
  }
  checkModules(folder);
  const { model, tokenizer } = findFiles(folder);
  const tensors = tensorsOf(model);
  const tensor = tensors.get('embeddings') ?? tensors.get('embedding.weight');
  if (tensor === undefined) {
    const names = [...tensors.keys()].slice(0, 5).join(', ');
    throw badModel(model.path, `it has no tensor "embeddings" or "embedding.weight", only: ${names || 'none'}`);
  }
  const vectors = sectionOf(model.path, tensor, VECTOR_DTYPES, dimensions);
  const perToken = (name: string, dtypes: readonly string[]): Section | null => {
    const found = tensors.get(name);
    return found === undefined ? null : sectionOf(model.path, found, dtypes);
  };
  const weights = perToken('weights', WEIGHT_DTYPES);
  const mapping = perToken('mapping', MAPPING_DTYPES);
  const like = tensor.name === 'embeddings' ? 'model2vec' : 'sentence-transformers';
  return { model, tokenizer, vectors, weights, mapping, dimensions: vectors.kept, like };
}

/** How many tokens a plan has vectors for. */
export function plannedTokens({ vectors, weights, mapping }: StaticPlan): number {
  return Math.min(mapping?.rows ?? vectors.rows, weights?.rows ?? Infinity);
}

function findFiles(folder: string): { model: FileStamp; tokenizer: FileStamp } {
  for (const inner of FOLDERS) {
    const model = stampOf(join(folder, inner, 'model.safetensors'));
    if (model === null) continue;
    const path = join(folder, inner, 'tokenizer.json');
    const tokenizer = stampOf(path);
    if (tokenizer === null) throw badModel(path, 'there is no such file');
    return { model, tokenizer };
  }
  const tried = FOLDERS.map((inner) => join(inner, 'model.safetensors')).join(' or ');
  throw badModel(folder, `there is no ${tried} in it`);
}

/** A model of sentence-transformers may go on after the mean of its vectors: with a dense layer, say. */
function checkModules(folder: string): void {
  const path = join(folder, 'modules.json');
  if (stampOf(path) === null) return;
  let modules: unknown;
  try {
    modules = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw badModel(path, 'it is no JSON', error);
  }
  if (!Array.isArray(modules)) throw badModel(path, 'it is no list of modules');
  for (const { type } of modules as { type?: unknown }[]) {
    if (typeof type === 'string' && /\.(?:StaticEmbedding|Normalize)$/.test(type)) continue;
    throw badModel(path, `it has a module ${JSON.stringify(type)}, and only StaticEmbedding and Normalize can be run`);
  }
}

function tensorsOf({ path, bytes }: FileStamp): Map<string, Tensor> {
  const file = openSync(path, 'r');
  try {
    return readTensors(path, bytes, (from, length) => {
      const buffer = new Uint8Array(length);
      let at = 0;
      while (at < length) {
        const read = readSync(file, buffer, at, length - at, from + at);
        if (read === 0) throw badModel(path, 'it became shorter while it was read');
        at += read;
      }
      return buffer;
    });
  } finally {
    closeSync(file);
  }
}

/** @param wanted the first numbers of each row; without it the tensor must be a list, or a matrix of one column. */
function sectionOf(path: string, tensor: Tensor, dtypes: readonly string[], wanted?: number): Section {
  const { name, dtype, shape, from } = tensor;
  const isList = name === 'weights' || name === 'mapping';
  const [rows = 0, columns = isList ? 1 : 0] = shape;
  if (!dtypes.includes(dtype)) throw badModel(path, `tensor "${name}" is ${dtype}, not one of ${dtypes.join(', ')}`);
  const fits = isList ? shape.length <= 2 && columns === 1 : shape.length === 2 && columns <= MAX_DIMENSIONS;
  if (rows === 0 || columns === 0 || !fits) {
    const form = isList ? '[tokens]' : `[tokens, dimensions up to ${MAX_DIMENSIONS}]`;
    throw badModel(path, `tensor "${name}" has the shape [${shape.join(', ')}], not ${form}`);
  }
  if (wanted !== undefined && wanted > columns) {
    throw invalidArgument('dimensions', `an integer from 1 to ${columns}, which is what the model has`, wanted);
  }
  return { tensor: name, dtype, rows, columns, kept: wanted ?? columns, from };
}
