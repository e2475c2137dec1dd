import type { Database } from 'better-sqlite3';

/** Rows with ids above `after`, up to and with `upTo`. */
export interface IdWindow {
  readonly after: number;
  readonly upTo: number;
}

// As many light items as a plan may well have.
const MAX_WINDOWS = 50_000;

/**
 * Cuts the memories, or those of one user, into windows of `rows` rows each (more where there would be too many
 * windows), in the order of ids. Counted in rows, not in ids, so that they take equally long however sparse ids are.
 *
 * Whatever others add or delete meanwhile, each row that was there before the call and is there after it is in one of
 * them.
 */
export function idWindows(db: Database, rows: number, userId: string | null): IdWindow[] {
  const from = `memories INDEXED BY memories_by_user ${userId === null ? '' : 'WHERE user_id = :userId'}`;
  const count = db.prepare(`SELECT count(*) FROM ${from}`).pluck().get({ userId }) as number;
  const size = Math.max(rows, Math.ceil(count / MAX_WINDOWS));
  // Through the small index: the table would be read as a whole.
  const cuts = db
    .prepare(
      `SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS at FROM ${from}) WHERE at % :size = 0 ORDER BY id`,
    )
    .pluck()
    .all({ size, userId }) as number[];
  // Asked last: what was there before has no higher id. A count from before could be out of date by now.
  const last = db.prepare(`SELECT max(id) FROM ${from}`).pluck().get({ userId }) as number | null;
  const ends = last === null || last <= (cuts.at(-1) ?? 0) ? cuts : [...cuts, last];
  return ends.map((upTo, at) => ({ after: at === 0 ? 0 : (ends[at - 1] as number), upTo }));
}
