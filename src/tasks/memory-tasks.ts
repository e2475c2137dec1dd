import { resolve } from 'node:path';
import { invalidArgument } from '../engine/errors.js';
import { type TaskType, taskModule, taskType } from '../engine/task-type.js';
import type embedBatch from './embed-batch.js';
import { type EmbedBatchInput, type RebuildInput, embedBatchInput, rebuildInput } from './inputs.js';
import { type EmbedderModule, checkEmbedderModule } from '../embedders/embedder-module.js';
import type { MemoryData } from './memory-data.js';
import type rebuildFtsIndex from './rebuild-fts-index.js';

/** Which store the tasks work on. */
export interface MemoryTasksOptions {
  /** The database file, as given to `openStore`; it is made where there is none. */
  path: string;
  /** The embedder that each thread loads for itself. @default the hashing embedder with its defaults */
  embedder?: EmbedderModule;
}

/** The task types for a store of memories, ready for `new TaskManager({ types })`. */
export type MemoryTasks = {
  /**
   * Embeds and stores texts, on all threads. A text that the user has in this namespace already is not stored again.
   * Result: `{ stored, skipped }`.
   */
  embed_batch: TaskType<typeof embedBatch, EmbedBatchInput>;
  /**
   * Rebuilds the full-text index while searches and writes go on: all of it, or one user's rows. One at a time; where
   * another process begins a full rebuild of the same store, the later one wins and the earlier one fails. Result:
   * `{ rows, replayed, removed }`.
   */
  rebuild_fts_index: TaskType<typeof rebuildFtsIndex, RebuildInput | undefined>;
};

// Enough texts to be worth a transaction, few enough for short ones.
const EMBED_CHUNK = { min: 8, max: 500 };
// Indexing locks nobody out, and each chunk opens the side file: longer chunks than usual.
const REBUILD_CHUNK = { targetMs: 60 };
const RETRIES = 2;

/**
 * The task types that work on the store in `path`.
 *
 * @example new TaskManager({ types: { ...memoryTasks({ path: 'memories.db' }), ...others } })
 * @throws TreadleError INVALID_ARGUMENT
 */
export function memoryTasks(options: MemoryTasksOptions): MemoryTasks {
  const data = checkOptions(options);
  return {
    embed_batch: taskType(taskModule<typeof embedBatch>(new URL('./embed-batch.js', import.meta.url)), {
      input: embedBatchInput,
      data,
      retries: RETRIES,
      chunk: EMBED_CHUNK,
    }),
    rebuild_fts_index: taskType(
      taskModule<typeof rebuildFtsIndex>(new URL('./rebuild-fts-index.js', import.meta.url)),
      { input: rebuildInput, data, retries: RETRIES, chunk: REBUILD_CHUNK, parallelism: 1, concurrency: 1 },
    ),
  };
}

function checkOptions(options: unknown): MemoryData {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'an object', options);
  const { path, embedder } = options as Partial<MemoryTasksOptions>;
  if (typeof path !== 'string' || path === '' || path === ':memory:') {
    throw invalidArgument('path', 'the path of a database file that threads can open', path);
  }
  if (embedder === undefined) return { path: resolve(path) };
  return { path: resolve(path), embedder: checkEmbedderModule('embedder', embedder) };
}
