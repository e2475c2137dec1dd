import type { StandardSchemaV1 } from '@standard-schema/spec';
import { TreadleError, onlyKeys, invalidArgument } from '../engine/errors.js';
import type { UserId } from '../sqlite/layout.js';
import type { SqliteTable } from '../sqlite/sqlite-table.js';
import { type MemoryOptions, checkContent, checkMemoryOptions, checkName } from '../store/memory.js';

/** What `embed_batch` is given. */
export interface EmbedBatchInput extends MemoryOptions {
  /** Whose memories they become. 1 to 256 characters. */
  readonly userId: string;
  /** The texts. None is empty. */
  readonly contents: readonly string[];
}

/** What `rebuild_fts_index` is given. */
export interface RebuildInput<User extends UserId = UserId> {
  /** Index only this user's rows anew. @default everybody's */
  readonly userId?: User | undefined;
}

/** What `migrate_embeddings` is given. */
export interface MigrateInput<User extends UserId = UserId> {
  /**
   * What the vectors in use must be of, else the task fails: the name of an embedder, or of a model as its embedder
   * calls it. @default anything
   */
  readonly from?: string | undefined;
  /** The name of the embedder that makes the new vectors. @default 'default' */
  readonly to?: string | undefined;
  /** Only this user's rows; the user's searches alone change over. @default everybody's */
  readonly userId?: User | undefined;
  /** Keep the vectors of other models, to go back without embedding again. @default false */
  readonly keep?: boolean | undefined;
}

/** What `ttl_sweep` is given. */
export interface SweepInput<User extends UserId = UserId> {
  /** Only this user's rows. @default everybody's */
  readonly userId?: User | undefined;
  /** Only this namespace of the user's. Only with `userId`. @default all */
  readonly namespace?: string | undefined;
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
export function rebuildInput<User extends UserId>(table: SqliteTable): OptionalInput<RebuildInput<User>> {
  return schema((value) => {
    const input = object(value ?? {}, ['userId']) as RebuildInput;
    checkHas(table, 'fts');
    checkUser(table, input);
    return input as RebuildInput<User>;
  });
}

/** Checks the input of `migrate_embeddings` at `submit`; `embedders` are the names of those at hand. */
export function migrateInput<User extends UserId>(
  table: SqliteTable,
  embedders: readonly string[],
): OptionalInput<MigrateInput<User>> {
  return schema((value) => {
    const input = object(value ?? {}, ['from', 'to', 'userId', 'keep']) as MigrateInput;
    const { from, to, keep } = input;
    checkHas(table, 'vectors');
    checkUser(table, input);
    if (from !== undefined) checkName('from', from);
    if (to !== undefined && !embedders.includes(to)) {
      throw invalidArgument('to', `one of the embedders ${embedders.join(', ')}`, to);
    }
    if (keep !== undefined && typeof keep !== 'boolean') throw invalidArgument('keep', 'a boolean', keep);
    return input as MigrateInput<User>;
  });
}

/** Checks the input of `ttl_sweep` at `submit`. None at all means everybody's rows. */
export function sweepInput<User extends UserId>(table: SqliteTable): OptionalInput<SweepInput<User>> {
  return schema((value) => {
    const input = object(value ?? {}, ['userId', 'namespace']) as SweepInput;
    checkHas(table, 'expiresAt');
    checkUser(table, input);
    if (input.namespace !== undefined) {
      if (input.userId === undefined) throw refused('Expected `namespace` only together with `userId`');
      if (table.namespace === undefined)
        throw refused(`Expected no \`namespace\`: "${table.table}" is described without`);
      checkName('namespace', input.namespace);
    }
    return input as SweepInput<User>;
  });
}

/** Input that may be left out. */
export type OptionalInput<Input> = StandardSchemaV1<Input | undefined, Input>;

function checkHas(table: SqliteTable, what: 'fts' | 'vectors' | 'expiresAt'): void {
  if (table[what] === undefined) {
    throw refused(`Expected a table described with \`${what}\`, got "${table.table}", which is described without`);
  }
}

/** One that is there and undefined is a slip, which must not make it everybody's. */
function checkUser(table: SqliteTable, input: { userId?: unknown }): void {
  if (!Object.hasOwn(input, 'userId')) return;
  const { userId } = input;
  if (table.user === undefined) throw refused(`Expected no \`userId\`: "${table.table}" is described without \`user\``);
  if (!Number.isSafeInteger(userId)) checkName('userId', userId);
}

function refused(message: string): TreadleError {
  return new TreadleError('INVALID_ARGUMENT', message);
}

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
  onlyKeys('input', value, keys);
  return value as object;
}
