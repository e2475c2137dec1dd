import type { PreTrainedModel, PreTrainedTokenizer, Tensor } from '@huggingface/transformers';
import { TreadleError } from '../../engine/errors.js';
import { type TransformersFiles, filesOf } from './model-files.js';
import type { ResolvedTransformers } from './model-options.js';

export type Transformers = typeof import('@huggingface/transformers');

/** A model that is loaded. */
export interface TransformersRuntime {
  readonly files: TransformersFiles;
  readonly tokenizer: PreTrainedTokenizer;
  readonly model: PreTrainedModel;
  readonly Tensor: Transformers['Tensor'];
}

/** What a model gives for a batch, by name. */
export type ModelOutputs = Readonly<Record<string, Tensor | undefined>>;

// One thread for one lane: the engine's threads are the parallelism, and more of them would only be in each other's way.
const ONE_THREAD = { intraOpNumThreads: 1, interOpNumThreads: 1 };

/**
 * Loads a model on this thread, fetching it first where that is allowed and needed.
 *
 * @throws TreadleError INVALID_ARGUMENT when files are not there; an Error when @huggingface/transformers is missing or
 *   can't load them.
 */
export async function loadTransformers(options: ResolvedTransformers): Promise<TransformersRuntime> {
  const transformers = await importTransformers();
  const { AutoModel, AutoTokenizer, Tensor } = transformers;
  const files = filesOf(options, transformers.env.cacheDir);
  if (!options.local) await fetchModel(transformers, options, files);
  files.check();
  // By its path, so that nothing is asked of the network: with an id, transformers.js looks there even for cached files.
  const tokenizer = await AutoTokenizer.from_pretrained(files.folder, { local_files_only: true });
  const model = await AutoModel.from_pretrained(files.folder, {
    local_files_only: true,
    device: 'cpu',
    dtype: options.dtype,
    session_options: ONE_THREAD,
  });
  return { files, tokenizer, model, Tensor };
}

async function importTransformers(): Promise<Transformers> {
  try {
    return await import('@huggingface/transformers');
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    // One of its own packages may be missing too, and installing it again would be no help.
    const itself = code === 'ERR_MODULE_NOT_FOUND' && String(message).includes("'@huggingface/transformers'");
    if (!itself) throw error;
    throw new Error('Transformer models need @huggingface/transformers: npm i @huggingface/transformers', {
      cause: error,
    });
  }
}

async function fetchModel(
  { AutoModel, AutoTokenizer }: Transformers,
  { model, revision, dtype, cacheDir, allowDownload }: ResolvedTransformers,
  files: TransformersFiles,
): Promise<void> {
  if (files.missing() === null) return;
  if (!allowDownload) files.check(`: \`allowDownload\` is false, and ${model} has not been fetched to there`);
  const from = { revision, ...(cacheDir !== null && { cache_dir: cacheDir }) };
  try {
    await AutoTokenizer.from_pretrained(model, from);
    const fetched = await AutoModel.from_pretrained(model, {
      ...from,
      device: 'cpu',
      dtype,
      session_options: ONE_THREAD,
    });
    await fetched.dispose();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The model ${model} (${revision}) could not be fetched from the hub: ${reason}`, { cause });
  }
}

/** @throws TreadleError INVALID_ARGUMENT when the model gives no such thing. */
export function outputOf(outputs: ModelOutputs, names: readonly string[], rank: number, folder: string): Tensor {
  const name = names.find((candidate) => outputs[candidate] !== undefined);
  const output = name === undefined ? undefined : outputs[name];
  if (output?.type === 'float32' && output.dims.length === rank) return output;
  const got = Object.entries(outputs).map(([key, value]) => `${key} (${value?.type} ${value?.dims.join(' × ')})`);
  const expected = `${names.join(' or ')}, float32 of ${rank} dimensions`;
  throw new TreadleError(
    'INVALID_ARGUMENT',
    `Expected the model in ${folder} to give ${expected}, got ${got.join(', ')}: is it an embedding model, and \`pooling\` and \`dtype\` are right?`,
  );
}
