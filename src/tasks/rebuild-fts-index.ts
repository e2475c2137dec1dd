import { type BatchDefinition, defineBatch } from '../engine/define-task.js';
import { numberRows } from '../sqlite/row-numbers.js';
import { type RowWindow, rowWindows } from '../sqlite/row-windows.js';
import { Tally } from '../sqlite/tally.js';
import type { RebuildInput } from './inputs.js';
import { type TableData, openTableOf, preparedTableOf } from './table-data.js';
import { beginRebuild, endRebuild, finishRebuild, runRebuild } from './rebuild-all.js';
import { finishUser, reindexWindows } from './rebuild-user.js';

/** What `rebuild_fts_index` did. */
export interface RebuildResult {
  /** Rows indexed anew. */
  readonly rows: number;
  /** Rows that others added, changed or deleted meanwhile and that were brought up to date; 0 in the per-user form. */
  readonly replayed: number;
  /** Entries without a row that were removed; 0 in the full form, whose new index begins empty. */
  readonly removed: number;
}

// Rows of an item: the per-user form holds the write lock for one window.
const USER_WINDOW_ROWS = { min: 100, max: 100 };

/**
 * Rebuilds the full-text index while it is in use: searches and writes go on. Without `userId` a second index is made
 * and swapped in; with it the user's rows are indexed anew in place. Items are windows of equally many rows.
 */
const rebuildFtsIndex: BatchDefinition<RebuildInput, RowWindow, RebuildResult, TableData, true> = defineBatch<
  RowWindow,
  number,
  RebuildResult,
  RebuildInput,
  TableData
>({
  async plan({ userId }, context) {
    if (userId === undefined) return beginRebuild(context);
    await numberRows(preparedTableOf(context), () => context.throwIfCancelled());
    return rowWindows(openTableOf(context), { rows: USER_WINDOW_ROWS, userId });
  },

  run(items, context, { userId }) {
    if (userId === undefined) return runRebuild(items, context);
    return reindexWindows(items, context, userId);
  },

  async finish(parts, context, { userId }) {
    if (userId === undefined) return { ...(await finishRebuild(context)), removed: 0 };
    const rows = parts.reduce((sum, part) => sum + part, 0);
    return { rows, replayed: 0, removed: await finishUser(context, userId) };
  },

  async cleanup(context, { userId }) {
    if (userId === undefined) await endRebuild(context);
    else new Tally(openTableOf(context).db, context.taskId).end();
  },
});

export default rebuildFtsIndex;
