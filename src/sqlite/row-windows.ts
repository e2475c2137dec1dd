import { type UserId, boundUser } from './layout.js';
import type { OpenTable } from './open-table.js';

/** Rows with numbers above `after`, up to and with `upTo`. */
export interface RowWindow {
  readonly after: bigint;
  readonly upTo: bigint;
}

/** The lowest number that a row can have; no row is expected to have it. */
export const LOWEST: bigint = -(2n ** 63n);

/** Which rows windows are cut from. */
export interface WindowSource {
  /** About how many rows each has. */
  readonly rows: { readonly min: number; readonly max: number };
  /** Only this user's. @default null */
  readonly userId?: UserId | null;
  /** Only this namespace's. @default null */
  readonly namespace?: string | null;
  /** Only rows that have expired by then. Epoch milliseconds. @default null */
  readonly expiredAt?: number | null;
  /** Only rows that may lack a vector. @default false */
  readonly pending?: boolean;
}

// Enough for progress to move evenly, and as many light items as a plan may well have.
const GOOD_WINDOWS = 32;
const MAX_WINDOWS = 50_000;

// Where no more than every fifth number is unused, windows of equally many numbers have about equally many rows.
const DENSE = 1.25;

/**
 * Cuts the rows into windows of about `rows.min` to `rows.max` rows each (more where there would be too many windows),
 * in the order of their numbers. Counted in rows, not in numbers, so that they take equally long however sparse numbers
 * are.
 *
 * Whatever others add or delete meanwhile, each row that was there before the call and is there after it is in one of
 * them.
 */
export function rowWindows({ db, layout }: OpenTable, source: WindowSource): RowWindow[] {
  const { rows, userId = null, namespace = null, expiredAt = null, pending = false } = source;
  const number = pending ? 'p.row_id' : layout.number;
  const conditions = [layout.within(userId, namespace), ...(expiredAt === null ? [] : [layout.expired])];
  // The rows themselves are looked at only where that is asked for.
  // Among expired rows an index on the time is the better one, if there is any.
  const rowsOf = expiredAt === null ? layout.from : layout.fromByNumber();
  const from = pending
    ? `${layout.pending} p${userId === null ? '' : ` CROSS JOIN ${layout.byNumber('p.row_id')}`}`
    : rowsOf;
  const rowsFrom = `FROM ${from} WHERE ${conditions.join(' AND ')}`;
  const bound = { userId: boundUser(userId), namespace, now: expiredAt };
  // Of all rows the first and the last are found by their number, without a look at the others.
  const isWhole = !pending && userId === null && namespace === null && expiredAt === null;
  const endsFrom = isWhole ? `FROM ${layout.fromByNumber()}` : rowsFrom;
  const get = (what: string, whence: string): bigint | null =>
    db.prepare(`SELECT ${what} ${whence}`).pluck().safeIntegers().get(bound) as bigint | null;

  const count = Number(get('count(*)', rowsFrom));
  const first = get(`min(${number})`, endsFrom);
  if (first === null) return [];
  const good = Math.max(rows.min, Math.min(rows.max, Math.ceil(count / GOOD_WINDOWS)));
  const size = Math.max(good, Math.ceil(count / MAX_WINDOWS));
  const before = get(`max(${number})`, endsFrom) ?? first;
  const dense = Number(before - first) < count * DENSE;
  const cuts = dense
    ? everyNth(size, first, before)
    : (db
        .prepare(
          `SELECT number FROM
             (SELECT ${number} AS number, row_number() OVER (ORDER BY ${number}) AS at ${rowsFrom})
           WHERE at % :size = 0 ORDER BY number`,
        )
        .pluck()
        .safeIntegers()
        .all({ ...bound, size: BigInt(size) }) as bigint[]);
  // Asked last: what was there before has no higher number. What was asked before could be out of date by now.
  const last = get(`max(${number})`, endsFrom);
  const end = cuts.at(-1);
  const ends = last === null || (end !== undefined && last <= end) ? cuts : [...cuts, last];
  return ends.map((upTo, at) => ({ after: at === 0 ? LOWEST : (ends[at - 1] as bigint), upTo }));
}

function everyNth(size: number, first: bigint, last: bigint): bigint[] {
  const step = BigInt(size);
  return Array.from({ length: Number((last - first + 1n) / step) }, (_, at) => first - 1n + BigInt(at + 1) * step);
}
