import { onlyKeys } from '../engine/errors.js';
import { type TaskType, taskModule, taskType } from '../engine/task-type.js';
import { MEMORIES } from '../store/memory.js';
import type embedBatch from './embed-batch.js';
import { type EmbedBatchInput, embedBatchInput } from './inputs.js';
import {
  DATA_KEYS,
  RETRIES,
  type TableTasks,
  type TableTasksOptions,
  checkTableData,
  mayKill,
  tableTasks,
} from './table-tasks.js';

/** Which store the tasks work on: `path` is made where there is no such file. */
export interface MemoryTasksOptions extends TableTasksOptions {}

/** The task types for a store of memories, ready for `new TaskManager({ types })`. */
export type MemoryTasks = { [Name in keyof TableTasks<string>]: TableTasks<string>[Name] } & {
  /**
   * Embeds and stores texts, on all threads. A text that the user has in this namespace already is not stored again.
   * Result: `{ stored, skipped }`.
   */
  embed_batch: TaskType<typeof embedBatch, EmbedBatchInput>;
};

// Enough texts to be worth a transaction, few enough for short ones.
const EMBED_CHUNK = { min: 8, max: 500 };

/**
 * The task types that work on the store in `path`.
 *
 * @example new TaskManager({ types: { ...memoryTasks({ path: 'memories.db' }), ...others } })
 * @throws TreadleError INVALID_ARGUMENT
 */
export function memoryTasks(options: MemoryTasksOptions): MemoryTasks {
  const data = checkTableData(options);
  onlyKeys('options', options, DATA_KEYS);
  return {
    embed_batch: taskType(taskModule<typeof embedBatch>(new URL('./embed-batch.js', import.meta.url)), {
      input: embedBatchInput,
      data,
      items: false,
      retries: RETRIES,
      chunk: EMBED_CHUNK,
      killable: mayKill(data),
    }),
    ...tableTasks<string>(MEMORIES, data),
  };
}
