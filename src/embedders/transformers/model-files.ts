import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TreadleError } from '../../engine/errors.js';
import type { ResolvedTransformers, TransformersDtype } from './model-options.js';

// How the hub's files are called: https://huggingface.co/docs/transformers.js/guides/dtypes
const SUFFIXES: Readonly<Record<TransformersDtype, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
};
const TEXT_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const;

/** What is read here of a model's config.json. */
export interface ModelConfig {
  readonly max_position_embeddings?: number;
  readonly 'transformers.js_config'?: {
    /** Whether, or in how many parts, numbers lie beside the graph; by the graph's file where it is an object. */
    readonly use_external_data_format?: boolean | number | Readonly<Record<string, boolean | number>>;
  };
}

/** The files of one model in a folder. */
export class TransformersFiles {
  readonly folder: string;
  readonly #graph: string;

  constructor(folder: string, dtype: TransformersDtype) {
    this.folder = folder;
    this.#graph = `model${SUFFIXES[dtype]}.onnx`;
  }

  /** The first file that should be there and is not; null where all are. */
  missing(): string | null {
    const needed = [...TEXT_FILES, join('onnx', this.#graph)].map((file) => join(this.folder, file));
    const first = needed.find((file) => !existsSync(file));
    return first ?? this.#externalData().find((file) => !existsSync(file)) ?? null;
  }

  /** @throws TreadleError INVALID_ARGUMENT when a file is not there. */
  check(hint = ''): void {
    const file = this.missing();
    if (file !== null) throw new TreadleError('INVALID_ARGUMENT', `Expected the model's file ${file} to exist${hint}`);
  }

  /** @throws TreadleError INVALID_ARGUMENT when it can't be read. */
  config(): ModelConfig {
    const file = join(this.folder, 'config.json');
    try {
      return Object(JSON.parse(readFileSync(file, 'utf8'))) as ModelConfig;
    } catch (cause) {
      throw new TreadleError('INVALID_ARGUMENT', `Expected ${file} to hold JSON: ${String(cause)}`, { cause });
    }
  }

  /** A SHA-256 of all that the vectors depend on, read from disk once. */
  async digest(): Promise<string> {
    const onnx = join(this.folder, 'onnx');
    const graph = readdirSync(onnx).filter((file) => file === this.#graph || file.startsWith(`${this.#graph}_data`));
    const files = [
      ...TEXT_FILES.map((file) => join(this.folder, file)),
      ...graph.sort().map((file) => join(onnx, file)),
    ];
    const digests = createHash('sha256');
    for (const file of files) digests.update(await digestOf(file));
    return digests.digest('hex');
  }

  #externalData(): string[] {
    const format = this.config()['transformers.js_config']?.use_external_data_format ?? 0;
    const parts = Number(typeof format === 'object' ? (format[this.#graph] ?? format['model'] ?? 0) : format);
    return Array.from({ length: parts }, (_, part) =>
      join(this.folder, 'onnx', `${this.#graph}_data${part === 0 ? '' : `_${part}`}`),
    );
  }
}

/** Where a model's files are, or will be once they have been fetched; `cacheDir` is the one of transformers.js. */
export function filesOf(options: ResolvedTransformers, cacheDir: string | null): TransformersFiles {
  const { model, local, revision, dtype } = options;
  if (local) return new TransformersFiles(model, dtype);
  const cache = options.cacheDir ?? cacheDir;
  if (cache === null) throw new TreadleError('INVALID_ARGUMENT', 'Expected `cacheDir` to be given, got undefined');
  return new TransformersFiles(join(cache, model, revision === 'main' ? '' : revision), dtype);
}

async function digestOf(file: string): Promise<Buffer> {
  const digest = createHash('sha256');
  for await (const bytes of createReadStream(file, { highWaterMark: 1 << 20 })) digest.update(bytes as Buffer);
  return digest.digest();
}
