import { quoteName } from './identifier.js';
import { boundUser } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { RowWindow } from './row-windows.js';
import type { SearchScope } from './search-options.js';

// From 1973 to 5138 in seconds. Smaller numbers may stand for "long ago"; as milliseconds all of them are in 1973 or before.
const SECONDS = [1e8, 1e11] as const;

/**
 * Makes sure that no time that is described as milliseconds is one in seconds: all such rows would be deleted.
 *
 * @throws Error when there is one.
 */
export function checkTimes({ db, layout }: OpenTable): void {
  const { expiresAt, table } = layout.described;
  const { column, unit } = typeof expiresAt === 'string' ? { column: expiresAt, unit: 'ms' } : (expiresAt ?? {});
  if (column === undefined || unit !== 'ms') return;
  const name = `m.${quoteName(column)}`;
  const [from, to] = SECONDS;
  const found = db
    .prepare(`SELECT ${name} FROM ${layout.table} m WHERE ${name} >= ${from} AND ${name} < ${to} LIMIT 1`)
    .pluck()
    .get() as number | undefined;
  if (found === undefined) return;
  throw new Error(
    `Expected column "${column}" of "${table}" to have epoch milliseconds, got ${found}: ` +
      `if those are seconds, describe it as \`expiresAt: { column: '${column}', unit: 's' }\``,
  );
}

/** The numbers of the rows of a window that have expired by `now`. */
export function expiredRows(
  { db, layout }: OpenTable,
  { after, upTo }: RowWindow,
  { userId, namespace, now }: SearchScope,
): bigint[] {
  const { number, expired } = layout;
  return db
    .prepare(
      `SELECT ${number} FROM ${layout.fromByNumber()}
       WHERE ${number} > :after AND ${number} <= :upTo AND ${expired} AND ${layout.within(userId, namespace)}`,
    )
    .pluck()
    .safeIntegers()
    .all({ after, upTo, now, userId: boundUser(userId), namespace }) as bigint[];
}

/**
 * Deletes those of the rows that have expired by `now`, and returns how many those were; triggers take them out of all
 * indexes. Call it in a write transaction.
 */
export function deleteExpired(
  { db, layout }: OpenTable,
  numbers: readonly bigint[],
  { userId, namespace, now }: SearchScope,
): number {
  const { numbers: numbering, table, id } = layout;
  const key = layout.numbered ? `(SELECT k.id FROM ${numbering} k WHERE k.number = :number)` : ':number';
  const remove = db.prepare(
    `DELETE FROM ${table} AS m WHERE m.${id} = ${key} AND ${layout.expired} AND ${layout.within(userId, namespace)}`,
  );
  const bound = { now, userId: boundUser(userId), namespace };
  return numbers.reduce((sum, number) => sum + remove.run({ ...bound, number }).changes, 0);
}
