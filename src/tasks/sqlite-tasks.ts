import { onlyKeys } from '../engine/errors.js';
import type { UserId } from '../sqlite/layout.js';
import { type SqliteTable, TABLE_KEYS, checkTable } from '../sqlite/sqlite-table.js';
import { DATA_KEYS, type TableTasks, type TableTasksOptions, checkTableData, tableTasks } from './table-tasks.js';

/** Which table of a database the tasks work on, and how. */
export interface SqliteTasksOptions extends SqliteTable, TableTasksOptions {}

/** The task types for a table of your own, ready for `new TaskManager({ types })`. */
export type SqliteTasks = { [Name in keyof TableTasks<UserId>]: TableTasks<UserId>[Name] };

const KEYS: readonly string[] = [...TABLE_KEYS, ...DATA_KEYS];

/**
 * The task types over a table of your own. The table stays as it is; what they need is made beside it when the first
 * task runs: the full-text index and the table of vectors under the names that you give, triggers that keep them in
 * step, and WAL mode. Rows that are there already are indexed by the first `rebuild_fts_index` and embedded by the first
 * `migrate_embeddings`; rows that come later are indexed at once, and embedded by the next `migrate_embeddings`.
 *
 * @example
 *   sqliteTasks({ path, table: 'articles', id: 'id', content: ['title', 'body'], fts: 'articles_fts', vectors: 'articles_vectors' })
 * @throws TreadleError INVALID_ARGUMENT
 */
export function sqliteTasks(options: SqliteTasksOptions): SqliteTasks {
  const data = checkTableData(options);
  onlyKeys('options', options, KEYS);
  const table = checkTable(options);
  return { ...tableTasks<UserId>(table, { ...data, table }) };
}
