import type { StandardSchemaV1 } from '@standard-schema/spec';
import { TreadleError, invalidArgument } from '../engine/errors.js';
import { type MemoryOptions, checkContent, checkMemoryOptions, checkName } from '../store/memory.js';

/** What `embed_batch` is given. */
export interface EmbedBatchInput extends MemoryOptions {
  /** Whose memories they become. 1 to 256 characters. */
  readonly userId: string;
  /** The texts. None is empty. */
  readonly contents: readonly string[];
}

/** What `rebuild_fts_index` is given. */
export interface RebuildInput {
  /** Index only this user's rows anew. @default everybody's */
  readonly userId?: string | undefined;
}

/** Checks the input of `embed_batch` at `submit`. */
export const embedBatchInput: StandardSchemaV1<EmbedBatchInput> = schema((value) => {
  const input = object(value, ['userId', 'contents', 'namespace', 'importance', 'ttlMs']) as Partial<EmbedBatchInput>;
  checkName('userId', input.userId);
  checkMemoryOptions(input);
  const contents: unknown = input.contents;
  if (!Array.isArray(contents)) throw invalidArgument('contents', 'an array of strings', contents);
  // By number, not by iterator: a hole is no text.
  for (let at = 0; at < contents.length; at++) checkContent(`contents[${at}]`, contents[at]);
  return input as EmbedBatchInput;
});

/** Checks the input of `rebuild_fts_index` at `submit`. None at all means everybody's rows. */
export const rebuildInput: StandardSchemaV1<RebuildInput | undefined, RebuildInput> = schema((value) => {
  const input = object(value ?? {}, ['userId']) as RebuildInput;
  if (input.userId !== undefined) checkName('userId', input.userId);
  return input;
});

function schema<Input, Output>(check: (value: unknown) => Output): StandardSchemaV1<Input, Output> {
  return {
    '~standard': {
      version: 1,
      vendor: 'treadle',
      validate(value) {
        try {
          return { value: check(value) };
        } catch (error) {
          if (error instanceof TreadleError) return { issues: [{ message: error.message }] };
          throw error;
        }
      },
    },
  };
}

function object(value: unknown, keys: readonly string[]): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument('input', 'an object', value);
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new TreadleError(
      'INVALID_ARGUMENT',
      `Expected \`input\` to have only ${keys.join(', ')}, got \`${unknown}\``,
    );
  }
  return value;
}
