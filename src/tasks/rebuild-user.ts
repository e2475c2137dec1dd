import { currentIndex } from '../sqlite/fts-index.js';
import { type UserId, boundUser, scopeToken } from '../sqlite/layout.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { QuietIndex } from '../sqlite/quiet-index.js';
import type { RowWindow } from '../sqlite/row-windows.js';
import { PacedWriter } from '../sqlite/paced-writer.js';
import { Tally } from '../sqlite/tally.js';
import { type TableContext, openTableOf } from './table-data.js';

const ORPHANS_AT_A_TIME = 50;
const LOWEST = -(2n ** 63n);

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
  let after = LOWEST;
  while (misplaced(open, userId, after, 1).length > 0) {
    context.throwIfCancelled();
    after = await writer.write(() => {
      const numbers = misplaced(open, userId, after, ORPHANS_AT_A_TIME);
      tally.add('removed', numbers.length - remake(open, numbers));
      return numbers.at(-1) ?? after;
    });
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

/**
 * Entries in the user's name whose row is gone or somebody else's, in order. With a tokenizer like trigram, which finds
 * parts of a scope too, there may be others' entries among them that are quite right.
 */
function misplaced(open: OpenTable, userId: UserId, after: bigint, limit: number): bigint[] {
  const { db, layout } = open;
  const table = layout.fts(currentIndex(open));
  return db
    .prepare(
      `SELECT f.rowid FROM ${table} f WHERE f.${table} MATCH :scope AND f.rowid > :after
       AND NOT ${layout.exists('f.rowid', layout.within(userId))} ORDER BY f.rowid LIMIT :limit`,
    )
    .pluck()
    .safeIntegers()
    .all({
      scope: `scope : "${scopeToken(userId)}"`,
      userId: boundUser(userId),
      after,
      limit: BigInt(limit),
    }) as bigint[];
}

/** Removes entries, and makes anew those that have a row. Returns how many those were. */
function remake(open: OpenTable, numbers: readonly bigint[]): number {
  const { db, layout } = open;
  const table = layout.fts(currentIndex(open));
  const remove = db.prepare(`DELETE FROM ${table} WHERE rowid = ?`);
  const add = db.prepare(
    `INSERT INTO ${table} (${layout.entryColumns}) SELECT ${layout.entry} FROM ${layout.fromByNumber()} WHERE ${layout.number} = ?`,
  );
  let made = 0;
  for (const number of numbers) {
    remove.run(number);
    made += add.run(number).changes;
  }
  return made;
}
