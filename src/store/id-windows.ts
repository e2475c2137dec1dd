import type { Database } from 'better-sqlite3';

/** Rows with ids above `after`, up to and with `upTo`. */
export interface IdWindow {
  readonly after: number;
  readonly upTo: number;
}

// Enough for progress to move evenly, and as many light items as a plan may well have.
const GOOD_WINDOWS = 32;
const MAX_WINDOWS = 50_000;

// Where no more than every fifth id is unused, windows of equally many ids have about equally many rows.
const DENSE = 1.25;

/**
 * Cuts the memories, or those of one user, into windows of about `rows.min` to `rows.max` rows each (more where there
 * would be too many windows), in the order of ids. Counted in rows, not in ids, so that they take equally long however
 * sparse ids are.
 *
 * Whatever others add or delete meanwhile, each row that was there before the call and is there after it is in one of
 * them.
 */
export function idWindows(db: Database, rows: { min: number; max: number }, userId: string | null): IdWindow[] {
  const from = `memories INDEXED BY memories_by_user ${userId === null ? '' : 'WHERE user_id = :userId'}`;
  const count = db.prepare(`SELECT count(*) FROM ${from}`).pluck().get({ userId }) as number;
  const good = Math.max(rows.min, Math.min(rows.max, Math.ceil(count / GOOD_WINDOWS)));
  const size = Math.max(good, Math.ceil(count / MAX_WINDOWS));
  const before = lastId(db, from, userId);
  const cuts = before <= count * DENSE ? everyNth(size, before) : nthIds(db, from, userId, size);
  // Asked last: what was there before has no higher id. What was asked before could be out of date by now.
  const last = lastId(db, from, userId);
  const ends = last <= (cuts.at(-1) ?? 0) ? cuts : [...cuts, last];
  return ends.map((upTo, at) => ({ after: at === 0 ? 0 : (ends[at - 1] as number), upTo }));
}

function lastId(db: Database, from: string, userId: string | null): number {
  return (db.prepare(`SELECT max(id) FROM ${from}`).pluck().get({ userId }) as number | null) ?? 0;
}

function everyNth(size: number, last: number): number[] {
  return Array.from({ length: Math.floor(last / size) }, (_, at) => (at + 1) * size);
}

/** The ids of each `size`-th row. Through the small index: the table would be read as a whole. */
function nthIds(db: Database, from: string, userId: string | null, size: number): number[] {
  return db
    .prepare(
      `SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS at FROM ${from}) WHERE at % :size = 0 ORDER BY id`,
    )
    .pluck()
    .all({ size, userId }) as number[];
}
