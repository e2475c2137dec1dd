import { boundUser } from './layout.js';
import type { OpenTable } from './open-table.js';
import type { RowWindow } from './row-windows.js';
import type { SearchScope } from './search-options.js';

/**
 * Deletes the rows of a window that have expired by `now`, and returns how many those were; triggers take them out of
 * all indexes. Call it in a write transaction.
 */
export function deleteExpired(
  { db, layout }: OpenTable,
  { after, upTo }: RowWindow,
  { userId, namespace, now }: SearchScope,
): number {
  const { number, numbers, table, id } = layout;
  const inWindow = layout.numbered
    ? `m.${id} IN (SELECT k.id FROM ${numbers} k WHERE k.number > :after AND k.number <= :upTo)`
    : `${number} > :after AND ${number} <= :upTo`;
  return db
    .prepare(
      `DELETE FROM ${table} AS m WHERE ${inWindow} AND ${layout.expired} AND ${layout.within(userId, namespace)}`,
    )
    .run({ after, upTo, now, userId: boundUser(userId), namespace }).changes;
}
