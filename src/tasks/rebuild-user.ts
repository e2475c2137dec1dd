import { currentIndex } from '../sqlite/fts-index.js';
import { type UserId, boundUser, scopeToken } from '../sqlite/layout.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { QuietIndex } from '../sqlite/quiet-index.js';
import type { RowWindow } from '../sqlite/row-windows.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { Tally } from '../sqlite/tally.js';
import { type TableContext, openTableOf } from './table-data.js';

const ORPHANS_AT_A_TIME = 50;

/**
 * Indexes the rows of one user in these windows anew, in the index that answers: one short transaction a window, in which
 * each entry is removed and made again. Between two of them the index is whole.
 */
export async function reindexWindows(
  windows: readonly RowWindow[],
  context: TableContext,
  userId: UserId,
): Promise<number> {
  context.stage('indexing');
  const open = openTableOf(context);
  const index = new QuietIndex(open, () => context.throwIfCancelled());
  let rows = 0;
  for (const [at, window] of windows.entries()) {
    rows += await index.write((table) => reindex(open, table, window, userId));
    context.progress(at + 1);
  }
  return rows;
}

/** Removes the user's entries that have no row, tidies up, and returns how many entries those were. */
export async function finishUser(context: TableContext, userId: UserId): Promise<number> {
  context.stage('removing orphans');
  const open = openTableOf(context);
  const tally = new Tally(open.db, context.taskId);
  const writer = new PacedWriter(open.db);
  // Looked for without the lock, and once more with it before they go.
  while (orphans(open, userId, 1).length > 0) {
    context.throwIfCancelled();
    await writer.write(() => tally.add('removed', removeEntries(open, orphans(open, userId, ORPHANS_AT_A_TIME))));
  }
  context.stage('merging');
  await new QuietIndex(open, () => context.throwIfCancelled()).tidyUp();
  return tally.total('removed');
}

function reindex({ db, layout }: OpenTable, table: string, { after, upTo }: RowWindow, userId: UserId): number {
  const { from, number, entry, entryColumns } = layout;
  const rows = `FROM ${from} WHERE ${layout.within(userId)} AND ${number} > :after AND ${number} <= :upTo`;
  const bound = { userId: boundUser(userId), after, upTo };
  db.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT ${number} ${rows})`).run(bound);
  return db.prepare(`INSERT INTO ${table} (${entryColumns}) SELECT ${entry} ${rows} ORDER BY ${number}`).run(bound)
    .changes;
}

/** Entries in the user's name whose row is gone or somebody else's. */
function orphans(open: OpenTable, userId: UserId, limit: number): bigint[] {
  const { db, layout } = open;
  const table = layout.fts(currentIndex(open));
  return db
    .prepare(
      `SELECT f.rowid FROM ${table} f WHERE f.${table} MATCH :scope
       AND NOT ${layout.exists('f.rowid', layout.within(userId))} LIMIT :limit`,
    )
    .pluck()
    .safeIntegers()
    .all({ scope: `scope : "${scopeToken(userId)}"`, userId: boundUser(userId), limit: BigInt(limit) }) as bigint[];
}

function removeEntries(open: OpenTable, numbers: readonly bigint[]): number {
  const remove = open.db.prepare(`DELETE FROM ${open.layout.fts(currentIndex(open))} WHERE rowid = ?`);
  for (const number of numbers) remove.run(number);
  return numbers.length;
}
