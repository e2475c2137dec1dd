import type { Database } from 'better-sqlite3';
import type { TaskContext } from '../engine/define-task.js';
import { currentIndex, ftsCommand, ftsScope, ftsTable, mergeSegments, scopeToken } from '../store/fts-index.js';
import type { IdWindow } from '../store/id-windows.js';
import { PacedWriter } from '../store/paced-writer.js';
import { type MemoryData, connectionOf } from './memory-data.js';

type Context = TaskContext<MemoryData>;

// FTS5's defaults, and what it is told inside our transactions: to leave merging alone, which otherwise rewrites the
// large segments again and again as ever more of their entries are removed. Nobody else sees the latter, and a crash
// undoes them. https://sqlite.org/fts5.html#configuration_options
const USUAL = { automerge: 4, crisismerge: 16, deletemerge: 10, usermerge: 4 };
const QUIET = { automerge: 0, crisismerge: 1_999, deletemerge: 0, usermerge: 8 };

// Pages that one transaction merges: about 4 ms.
const MERGE_PAGES = 64;
// While others write there is always something to merge: then they have to do the rest.
const MAX_MERGES = 1_000;
const ORPHANS_AT_A_TIME = 50;

/**
 * Indexes the rows of one user in these windows anew, in the index that answers: one short transaction a window, in which
 * each entry is removed and made again. Between two of them the index is whole.
 */
export async function reindexWindows(windows: readonly IdWindow[], context: Context, userId: string): Promise<number> {
  context.stage('indexing');
  const db = connectionOf(context);
  const writer = new PacedWriter(db);
  let rows = 0;
  for (const [at, window] of windows.entries()) {
    context.throwIfCancelled();
    let merging = false;
    rows += await writer.write(() =>
      quietly(db, (table) => {
        const changed = reindex(db, table, window, userId);
        merging = mergeSegments(db, table, MERGE_PAGES);
        return changed;
      }),
    );
    // So that the small segments never get so many that another writer has to merge them all at once.
    while (merging) {
      context.throwIfCancelled();
      merging = await writer.write(() => quietly(db, (table) => mergeSegments(db, table, MERGE_PAGES)));
    }
    context.progress(at + 1);
  }
  return rows;
}

/** Removes the user's entries that have no row, tidies up, and returns how many entries those were. */
export async function finishUser(context: Context, userId: string): Promise<number> {
  context.stage('removing orphans');
  const db = connectionOf(context);
  const writer = new PacedWriter(db);
  let removed = 0;
  // Looked for without the lock, and once more with it before they go.
  while (orphans(db, userId, 1).length > 0) {
    context.throwIfCancelled();
    removed += await writer.write(() => removeEntries(db, orphans(db, userId, ORPHANS_AT_A_TIME)));
  }
  context.stage('merging');
  for (let merges = 0; merges < MAX_MERGES; merges++) {
    context.throwIfCancelled();
    if (!(await writer.write(() => mergeSegments(db, ftsTable(currentIndex(db)), MERGE_PAGES)))) break;
  }
  return removed;
}

function reindex(db: Database, table: string, { after, upTo }: IdWindow, userId: string): number {
  const rows = 'FROM memories m INDEXED BY memories_by_user WHERE m.user_id = ? AND m.id > ? AND m.id <= ?';
  db.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT m.id ${rows})`).run(userId, after, upTo);
  return db
    .prepare(
      `INSERT INTO ${table} (rowid, scope, content) SELECT m.id, ${ftsScope('m')}, m.content ${rows} ORDER BY m.id`,
    )
    .run(userId, after, upTo).changes;
}

/** Works on the index that answers, without the merging that it would do by itself. */
function quietly<T>(db: Database, work: (table: string) => T): T {
  const table = ftsTable(currentIndex(db));
  for (const [name, value] of Object.entries(QUIET)) ftsCommand(db, table, name, value);
  const result = work(table);
  // The first of these also writes out what is pending, still without merging.
  for (const [name, value] of Object.entries(USUAL)) ftsCommand(db, table, name, value);
  return result;
}

/** Entries in the user's name whose row is gone or somebody else's. */
function orphans(db: Database, userId: string, limit: number): number[] {
  const table = ftsTable(currentIndex(db));
  return db
    .prepare(
      `SELECT f.rowid FROM ${table} f WHERE f.${table} MATCH ?
       AND NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = f.rowid AND m.user_id = ?) LIMIT ?`,
    )
    .pluck()
    .all(`scope : "${scopeToken(userId)}"`, userId, limit) as number[];
}

function removeEntries(db: Database, ids: readonly number[]): number {
  const remove = db.prepare(`DELETE FROM ${ftsTable(currentIndex(db))} WHERE rowid = ?`);
  for (const id of ids) remove.run(id);
  return ids.length;
}
