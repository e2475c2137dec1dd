import { resolve } from 'node:path';
import { type EmbedderModule, checkEmbedderModule, isKillable, isPlainObject } from '../embedders/embedder-module.js';
import { invalidArgument } from '../engine/errors.js';
import { type TaskType, taskModule, taskType } from '../engine/task-type.js';
import type { UserId } from '../sqlite/layout.js';
import { type SqliteTable } from '../sqlite/sqlite-table.js';
import {
  type MigrateInput,
  type RebuildInput,
  type SweepInput,
  migrateInput,
  rebuildInput,
  sweepInput,
} from './inputs.js';
import type migrateEmbeddings from './migrate-embeddings.js';
import type rebuildFtsIndex from './rebuild-fts-index.js';
import { DEFAULT_EMBEDDER, type TableData } from './table-data.js';
import type ttlSweep from './ttl-sweep.js';

/** Which database the tasks work on, and how. */
export interface TableTasksOptions {
  /** The database file. */
  path: string;
  /** The embedder that new vectors begin with; each thread loads it for itself. @default the hashing embedder */
  embedder?: EmbedderModule;
  /** Further embedders, by the names that `migrate_embeddings` is given. @default none */
  embedders?: Readonly<Record<string, EmbedderModule>>;
  /**
   * The FTS5 tokenizer of the full-text index, with its arguments. Where there is an index already, the next full
   * rebuild gives it this one. @default 'porter unicode61 remove_diacritics 2'
   * @see https://sqlite.org/fts5.html#tokenizers
   */
  tokenizer?: string;
}

/** The names of {@link TableTasksOptions}. */
export const DATA_KEYS: readonly string[] = ['path', 'embedder', 'embedders', 'tokenizer'];

/** The task types that work on any described table. */
export interface TableTasks<User extends UserId> {
  /**
   * Rebuilds the full-text index while searches and writes go on: all of it, or one user's rows. One at a time; where
   * another process begins a full rebuild of the same index, the later one wins and the earlier one fails. Result:
   * `{ rows, replayed, removed }`.
   */
  rebuild_fts_index: TaskType<typeof rebuildFtsIndex, RebuildInput<User> | undefined>;
  /**
   * Embeds all rows, or one user's, with another model, on all threads; searches change over in one step at the end.
   * Where the model is in use already, only rows without its vector are embedded. Run again after a cancel or a crash it
   * goes on where it was. Result: `{ model, embedded, removed }`.
   */
  migrate_embeddings: TaskType<typeof migrateEmbeddings, MigrateInput<User> | undefined>;
  /**
   * Deletes expired rows from the table and from all indexes, in short transactions. Result: `{ deleted }`, rows of this
   * table; those of others that go with them by ON DELETE CASCADE are not counted.
   */
  ttl_sweep: TaskType<typeof ttlSweep, SweepInput<User> | undefined>;
}

// Indexing locks nobody out, and each chunk makes a segment of its own: longer chunks than usual.
const REBUILD_CHUNK = { targetMs: 30, min: 3, max: 1_000 };
export const RETRIES = 2;
const SINGLE_WRITER = { parallelism: 1, concurrency: 1 } as const;

// FTS5's own; others would have to be loaded into each connection.
const TOKENIZERS = ['unicode61', 'ascii', 'porter', 'trigram'];

/** The types, over a table that is described. */
export function tableTasks<User extends UserId>(table: SqliteTable, data: TableData): TableTasks<User> {
  const { embedders = {} } = data;
  return {
    rebuild_fts_index: taskType(
      taskModule<typeof rebuildFtsIndex>(new URL('./rebuild-fts-index.js', import.meta.url)),
      {
        input: rebuildInput<User>(table),
        data,
        items: false,
        retries: RETRIES,
        chunk: REBUILD_CHUNK,
        ...SINGLE_WRITER,
      },
    ),
    migrate_embeddings: taskType(
      taskModule<typeof migrateEmbeddings>(new URL('./migrate-embeddings.js', import.meta.url)),
      {
        input: migrateInput<User>(table, Object.keys(embedders)),
        data,
        items: false,
        retries: RETRIES,
        killable: mayKill(data),
        // Two would take turns in superseding each other.
        concurrency: 1,
      },
    ),
    ttl_sweep: taskType(taskModule<typeof ttlSweep>(new URL('./ttl-sweep.js', import.meta.url)), {
      input: sweepInput<User>(table),
      data,
      items: false,
      retries: RETRIES,
      ...SINGLE_WRITER,
    }),
  };
}

/** False where one of the embedders must not lose its thread in the middle. */
export function mayKill({ embedders = {} }: TableData): boolean {
  return Object.values(embedders).every(isKillable);
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkTableData(options: unknown): TableData {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { path, embedder, embedders, tokenizer } = options as Partial<Record<keyof TableTasksOptions, unknown>>;
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalidArgument('path', 'the path of a database file that threads can open', path);
  }
  return {
    path: resolve(path),
    tokenizer: checkTokenizer(tokenizer),
    embedders: { [DEFAULT_EMBEDDER]: checkEmbedderModule('embedder', embedder ?? {}), ...checkEmbedders(embedders) },
  };
}

function checkTokenizer(tokenizer: unknown): string | undefined {
  if (tokenizer === undefined) return undefined;
  if (typeof tokenizer === 'string' && TOKENIZERS.includes(tokenizer.trim().split(/\s+/)[0] ?? '')) return tokenizer;
  throw invalidArgument('tokenizer', `${TOKENIZERS.join(', ')}, with arguments`, tokenizer);
}

function checkEmbedders(embedders: unknown): Record<string, EmbedderModule> {
  if (embedders === undefined) return {};
  if (!isPlainObject(embedders)) {
    throw invalidArgument('embedders', 'an object of embedders { module, options } by name', embedders);
  }
  return Object.fromEntries(
    Object.entries(embedders).map(([name, module]) => {
      if (name === DEFAULT_EMBEDDER || name === '') {
        throw invalidArgument('embedders', `names other than '${DEFAULT_EMBEDDER}', which is \`embedder\``, name);
      }
      return [name, checkEmbedderModule(`embedders.${name}`, module)];
    }),
  );
}
