import { LOWEST } from '../sqlite/row-windows.js';
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
 * each entry is removed and made again. Between two of them the index is whole. Which rows those are is found without the
 * lock; who comes after that is indexed already.
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
    context.throwIfCancelled();
    const numbers = numbersIn(open, window, userId);
    if (numbers.length > 0) rows += await index.write((table) => reindex(open, table, numbers, userId));
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
  // Looked for without the lock; with it, only those that were found are looked at once more before they go.
  let found = misplaced(open, userId, LOWEST);
  while (found.length > 0) {
    context.throwIfCancelled();
    const numbers = found;
    await writer.write(() => {
      const still = numbers.filter(isMisplaced(open, userId));
      tally.add('removed', still.length - remake(open, still));
    });
    found = misplaced(open, userId, numbers.at(-1) ?? LOWEST);
  }
  context.stage('merging');
  await new QuietIndex(open, () => context.throwIfCancelled()).tidyUp();
  return tally.total('removed');
}

/** The numbers of the user's rows in a window, in order. */
function numbersIn({ db, layout }: OpenTable, { after, upTo }: RowWindow, userId: UserId): bigint[] {
  const { from, number } = layout;
  return db
    .prepare(
      `SELECT ${number} FROM ${from}
       WHERE ${layout.within(userId)} AND ${number} > :after AND ${number} <= :upTo ORDER BY ${number}`,
    )
    .pluck()
    .safeIntegers()
    .all({ userId: boundUser(userId), after, upTo }) as bigint[];
}

/** Makes the entries anew of those of these rows that are the user's still, and returns how many those are. */
function reindex({ db, layout }: OpenTable, table: string, numbers: readonly bigint[], userId: UserId): number {
  const row = `FROM ${layout.fromByNumber()} WHERE ${layout.number} = :number AND ${layout.within(userId)}`;
  const remove = db.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT ${layout.number} ${row})`);
  const add = db.prepare(`INSERT INTO ${table} (${layout.entryColumns}) SELECT ${layout.entry} ${row}`);
  const user = boundUser(userId);
  let rows = 0;
  for (const number of numbers) {
    remove.run({ userId: user, number });
    rows += add.run({ userId: user, number }).changes;
  }
  return rows;
}

/**
 * The next entries in the user's name whose row is gone or somebody else's, in order. With a tokenizer like trigram, which
 * finds parts of a scope too, there may be others' entries among them that are quite right.
 */
function misplaced(open: OpenTable, userId: UserId, after: bigint): bigint[] {
  return open.db
    .prepare(`${misplacedSql(open, userId)} AND f.rowid > :after ORDER BY f.rowid LIMIT ${ORPHANS_AT_A_TIME}`)
    .pluck()
    .safeIntegers()
    .all({ ...boundScope(userId), after }) as bigint[];
}

/** Tells whether one that was {@link misplaced} still is. */
function isMisplaced(open: OpenTable, userId: UserId): (number: bigint) => boolean {
  const find = open.db.prepare(`${misplacedSql(open, userId)} AND f.rowid = :number`);
  const bound = boundScope(userId);
  return (number) => find.get({ ...bound, number }) !== undefined;
}

function misplacedSql(open: OpenTable, userId: UserId): string {
  const { layout } = open;
  const table = layout.fts(currentIndex(open));
  const row = layout.exists('f.rowid', layout.within(userId));
  return `SELECT f.rowid FROM ${table} f WHERE f.${table} MATCH :scope AND NOT ${row}`;
}

function boundScope(userId: UserId): { scope: string; userId: string | bigint | null } {
  return { scope: `scope : "${scopeToken(userId)}"`, userId: boundUser(userId) };
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
