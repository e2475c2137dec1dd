import { permanent } from '../engine/define-task.js';
import { checkTokenizer, currentIndex, otherIndex, retokenize, tokenizerOf } from './fts-index.js';
import type { IndexName } from './layout.js';
import type { OpenTable } from './open-table.js';
import { Tally } from './tally.js';

// What a build counts.
const BEGUN = 'begun';
const REPLAYED = 'replayed';

/** Thrown in a rebuild when a later one of the same index has taken over: the index that answers is untouched. */
export class BuildSuperseded extends Error {
  override readonly name = 'BuildSuperseded';
  readonly code = 'BUILD_SUPERSEDED';

  constructor(build: string, by: string | null) {
    super(
      `The rebuild ${build} of the full-text index stopped: ${by === null ? 'it was ended' : `the later one ${by} took over`}`,
    );
    // Another attempt would find the same.
    permanent(this);
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
 * Begins to build the index that does not answer: from now on every change of a row is also noted. A build that is under
 * way elsewhere, or was left behind by a crash, is superseded: the later one always wins, because nobody can tell a dead
 * one from a slow one. A build may begin again from the start, but not once another has taken over from it: the two
 * would take turns.
 *
 * @throws BuildSuperseded when `build` has begun before and another is the present one.
 */
export function beginBuild(open: OpenTable, build: string): void {
  const { db, layout } = open;
  const tally = new Tally(db, build);
  db.transaction(() => {
    if (tally.total(BEGUN) > 0 && presentBuild(open) !== null) checkBuild(open, build);
    tally.add(BEGUN, 1);
    db.prepare(`UPDATE ${layout.ftsState} SET build = ?, copied_rows = NULL`).run(build);
    db.exec(`DELETE FROM ${layout.ftsChanges}`);
  }).immediate();
}

/** Gives the index being built this tokenizer; it must be empty. @throws BuildSuperseded */
export function setTokenizer(open: OpenTable, build: string, tokenizer: string): void {
  if (tokenizerOf(open, targetIndex(open, build)) === tokenizer) return;
  checkTokenizer(tokenizer);
  open.db.transaction(() => retokenize(open, targetIndex(open, build), tokenizer)).immediate();
}

/** The build that is under way, or was left behind. */
export function presentBuild({ db, layout }: OpenTable): string | null {
  return db.prepare(`SELECT build FROM ${layout.ftsState}`).pluck().get() as string | null;
}

/** @throws BuildSuperseded when `build` is not the present one. Inside a write transaction it stays true. */
export function checkBuild(open: OpenTable, build: string): void {
  const present = presentBuild(open);
  if (present !== build) throw new BuildSuperseded(build, present);
}

/** The index being built. @throws BuildSuperseded */
export function targetIndex(open: OpenTable, build: string): IndexName {
  checkBuild(open, build);
  return otherIndex(currentIndex(open));
}

/**
 * Notes how many rows the new index has, now that all are indexed: from here on changes are brought in, which are counted
 * apart. It does nothing when it was called before.
 *
 * @throws BuildSuperseded
 */
export function noteIndexed(open: OpenTable, build: string): void {
  const { db, layout } = open;
  const isNoted = db.prepare(`SELECT copied_rows IS NOT NULL FROM ${layout.ftsState}`).pluck();
  const entries = layout.fts(targetIndex(open, build), 'docsize');
  if (isNoted.get() === 1) return;
  // Counted without the lock: only this build writes to that index.
  const rows = db.prepare(`SELECT count(*) FROM ${entries}`).pluck().get();
  db.transaction(() => {
    checkBuild(open, build);
    db.prepare(`UPDATE ${layout.ftsState} SET copied_rows = ?`).run(rows);
  }).immediate();
}

/** How many changes wait to be brought into the new index; counts to `max` at most. */
export function pendingChanges({ db, layout }: OpenTable, max: number): number {
  return db.prepare(`SELECT count(*) FROM (SELECT 1 FROM ${layout.ftsChanges} LIMIT ?)`).pluck().get(max) as number;
}

/**
 * Brings up to `max` changed rows up to date in the new index and counts them; call it in a write transaction. A row's
 * entry is removed and, if the row is still there, made anew, so that it does not matter what the index had.
 *
 * @throws BuildSuperseded
 */
export function replayChanges(open: OpenTable, build: string, max: number): void {
  const { db, layout } = open;
  const table = layout.fts(targetIndex(open, build));
  const changed = `SELECT row_id FROM ${layout.ftsChanges} ORDER BY row_id LIMIT ?`;
  const last = db.prepare(`SELECT max(row_id) FROM (${changed})`).pluck().safeIntegers().get(max) as bigint | null;
  if (last === null) return;
  db.prepare(`DELETE FROM ${table} WHERE rowid IN (${changed})`).run(max);
  // CROSS JOIN fixes the order: from the changes to their rows, never through all rows.
  db.prepare(
    `INSERT INTO ${table} (${layout.entryColumns})
     SELECT ${layout.entry} FROM ${layout.ftsChanges} c CROSS JOIN ${layout.byNumber('c.row_id')}
     WHERE c.row_id <= ? ORDER BY c.row_id`,
  ).run(last);
  const { changes } = db.prepare(`DELETE FROM ${layout.ftsChanges} WHERE row_id <= ?`).run(last);
  new Tally(db, build).add(REPLAYED, changes);
}

/**
 * Brings in the last changes and lets the new index answer from the end of this transaction on. Call it after
 * {@link noteIndexed}.
 *
 * @throws BuildSuperseded
 */
export function swapIndexes(open: OpenTable, build: string): BuildReport {
  const { db, layout } = open;
  return db
    .transaction(() => {
      const target = targetIndex(open, build);
      replayChanges(open, build, Number.MAX_SAFE_INTEGER);
      const replayed = new Tally(db, build).total(REPLAYED);
      return db
        .prepare(
          `UPDATE ${layout.ftsState}
           SET current = ?, complete = 1, build = NULL, last_build = ?, last_rows = copied_rows, last_replayed = ?
           RETURNING last_rows AS rows, last_replayed AS replayed`,
        )
        .get(target, build, replayed) as BuildReport;
    })
    .immediate();
}

/** The report of `build` if it was the last to swap: it may have been told nobody. */
export function reportOf({ db, layout }: OpenTable, build: string): BuildReport | null {
  const row = db
    .prepare(`SELECT last_rows AS rows, last_replayed AS replayed FROM ${layout.ftsState} WHERE last_build = ?`)
    .get(build) as BuildReport | undefined;
  return row ?? null;
}

/** Ends `build` for good: without a swap, if it is the present one. */
export function abandonBuild({ db, layout }: OpenTable, build: string): void {
  db.transaction(() => {
    const { changes } = db.prepare(`UPDATE ${layout.ftsState} SET build = NULL WHERE build = ?`).run(build);
    if (changes > 0) db.exec(`DELETE FROM ${layout.ftsChanges}`);
    new Tally(db, build).end();
  }).immediate();
}
