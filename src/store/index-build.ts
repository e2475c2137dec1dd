import type { Database } from 'better-sqlite3';
import { type IndexName, currentIndex, ftsScope, ftsTable, otherIndex } from './fts-index.js';

/** Thrown in a rebuild when a later one of the same database has taken over: the index that answers is untouched. */
export class BuildSuperseded extends Error {
  override readonly name = 'BuildSuperseded';
  readonly code = 'BUILD_SUPERSEDED';

  constructor(build: string, by: string | null) {
    super(
      `The rebuild ${build} of the full-text index stopped: ${by === null ? 'it was ended' : `the later one ${by} took over`}`,
    );
  }
}

/** What a finished build did. */
export interface BuildReport {
  /** Rows that were indexed range by range. */
  readonly rows: number;
  /** Rows that were added, changed or deleted meanwhile and brought up to date afterwards. */
  readonly replayed: number;
}

/**
 * Begins to build the index that does not answer: from now on every change of a row is also noted in `fts_changes`. A
 * build that is under way elsewhere, or was left behind by a crash, is superseded: the later one always wins, because
 * nobody can tell a dead one from a slow one.
 */
export function beginBuild(db: Database, build: string): void {
  db.transaction(() => {
    db.prepare('UPDATE fts_state SET build = ?').run(build);
    db.exec('DELETE FROM fts_changes');
  }).immediate();
}

/** @throws BuildSuperseded when `build` is not the present one. Inside a write transaction it stays true. */
export function checkBuild(db: Database, build: string): void {
  const present = db.prepare('SELECT build FROM fts_state').pluck().get() as string | null;
  if (present !== build) throw new BuildSuperseded(build, present);
}

/** The index being built. @throws BuildSuperseded */
export function targetIndex(db: Database, build: string): IndexName {
  checkBuild(db, build);
  return otherIndex(currentIndex(db));
}

/** How many changes wait to be brought into the new index; counts to `max` at most. */
export function pendingChanges(db: Database, max: number): number {
  return db.prepare('SELECT count(*) FROM (SELECT 1 FROM fts_changes LIMIT ?)').pluck().get(max) as number;
}

/**
 * Brings up to `max` changed rows up to date in the new index and returns how many; call it in a write transaction. A
 * row's entry is removed and, if the row is still there, made anew, so that it does not matter what the index had.
 *
 * @throws BuildSuperseded
 */
export function replayChanges(db: Database, build: string, max: number): number {
  const table = ftsTable(targetIndex(db, build));
  const changed = 'SELECT memory_id FROM fts_changes ORDER BY memory_id LIMIT ?';
  const last = db.prepare(`SELECT max(memory_id) FROM (${changed})`).pluck().get(max) as number | null;
  if (last === null) return 0;
  db.prepare(`DELETE FROM ${table} WHERE rowid IN (${changed})`).run(max);
  // CROSS JOIN fixes the order: from the changes to their rows, never through all memories.
  db.prepare(
    `INSERT INTO ${table} (rowid, scope, content)
     SELECT m.id, ${ftsScope('m')}, m.content FROM fts_changes c CROSS JOIN memories m ON m.id = c.memory_id
     WHERE c.memory_id <= ? ORDER BY m.id`,
  ).run(last);
  return db.prepare('DELETE FROM fts_changes WHERE memory_id <= ?').run(last).changes;
}

/**
 * Brings in the last changes and lets the new index answer from the end of this transaction on.
 *
 * @throws BuildSuperseded
 */
export function swapIndexes(db: Database, build: string, { rows, replayed }: BuildReport): BuildReport {
  return db
    .transaction(() => {
      const target = targetIndex(db, build);
      const report = { rows, replayed: replayed + replayChanges(db, build, Number.MAX_SAFE_INTEGER) };
      db.prepare(
        'UPDATE fts_state SET current = ?, build = NULL, last_build = ?, last_rows = ?, last_replayed = ?',
      ).run(target, build, report.rows, report.replayed);
      return report;
    })
    .immediate();
}

/** The report of `build` if it was the last to swap: it may have been told nobody. */
export function reportOf(db: Database, build: string): BuildReport | null {
  const row = db
    .prepare('SELECT last_rows AS rows, last_replayed AS replayed FROM fts_state WHERE last_build = ?')
    .get(build) as BuildReport | undefined;
  return row ?? null;
}

/** Ends `build` without a swap, if it is the present one. */
export function abandonBuild(db: Database, build: string): void {
  db.transaction(() => {
    const { changes } = db.prepare('UPDATE fts_state SET build = NULL WHERE build = ?').run(build);
    if (changes > 0) db.exec('DELETE FROM fts_changes');
  }).immediate();
}
