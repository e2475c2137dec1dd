import { permanent } from '../engine/define-task.js';
import { LOWEST } from './row-windows.js';
import { type UserId, boundUser } from './layout.js';
import { modelInUse, modelsInUse, useModel } from './models.js';
import type { OpenTable } from './open-table.js';
import type { RowWindow } from './row-windows.js';

/** Thrown in a migration when a later one of the same table has taken over. */
export class MigrationSuperseded extends Error {
  override readonly name = 'MigrationSuperseded';
  readonly code = 'MIGRATION_SUPERSEDED';

  constructor(migration: string, by: string | null) {
    super(
      `The migration ${migration} of the vectors stopped: ${by === null ? 'it was ended' : `the later one ${by} took over`}`,
    );
    // Another attempt would find the same.
    permanent(this);
  }
}

/** Whose vectors are brought to which model, and the name of the migration: its task's id. */
export interface Migration {
  readonly id: string;
  readonly model: string;
  readonly userId: UserId | null;
}

/** A row and what is embedded of it. */
export interface RowTexts {
  readonly number: bigint;
  /** One for each column of text: the bytes that are stored, which a string would not always keep; null for null. */
  readonly texts: readonly (Buffer | null)[];
}

/**
 * From now on this is the migration under way: no other writes vectors, and rows that others add or change stay on the
 * list of those that may lack a vector until it has seen them. An earlier one, dead or slow, is superseded.
 */
export function beginMigration({ db, layout }: OpenTable, id: string): void {
  db.prepare(`UPDATE ${layout.vectorState} SET migration = ?`).run(id);
}

/** The migration that is under way, or was left behind. */
export function presentMigration({ db, layout }: OpenTable): string | null {
  return db.prepare(`SELECT migration FROM ${layout.vectorState}`).pluck().get() as string | null;
}

/** @throws MigrationSuperseded when `id` is not the present one. Inside a write transaction it stays true. */
export function checkMigration(open: OpenTable, id: string): void {
  const present = presentMigration(open);
  if (present !== id) throw new MigrationSuperseded(id, present);
}

/** Ends a migration, if it is the present one. What it has embedded stays, for the next one to go on from. */
export function endMigration({ db, layout }: OpenTable, id: string): void {
  db.prepare(`UPDATE ${layout.vectorState} SET migration = NULL WHERE migration = ?`).run(id);
}

/** True when the model already answers in all of the scope: then only rows on the list can lack its vector. */
export function isInUse(open: OpenTable, { model, userId }: Migration): boolean {
  return userId === null
    ? modelsInUse(open).every((each) => each === model) && modelInUse(open, null) === model
    : modelInUse(open, userId) === model;
}

/** Up to `limit` rows of a window that lack the vector. */
export function lackingInWindow(
  { db, layout }: OpenTable,
  { model, userId }: Migration,
  { after, upTo }: RowWindow,
  limit: number,
): RowTexts[] {
  const { number } = layout;
  return rowsOf(
    db
      .prepare(
        `SELECT ${[number, ...bytesOf(layout)].join(', ')} FROM ${layout.fromByNumber()}
         WHERE ${number} > :after AND ${number} <= :upTo AND ${layout.within(userId)}
           AND NOT EXISTS (SELECT 1 FROM ${layout.vectors} v WHERE v.row_id = ${number} AND v.model = :model)
         ORDER BY ${number} LIMIT :limit`,
      )
      .raw()
      .safeIntegers()
      .all({ after, upTo, model, userId: boundUser(userId), limit: BigInt(limit) }),
  );
}

/** Up to `limit` rows of the list, of numbers above `after`, that lack the vector. */
export function lackingOnList(
  { db, layout }: OpenTable,
  { model, userId }: Migration,
  after: bigint,
  limit: number,
): RowTexts[] {
  return rowsOf(
    db
      .prepare(
        `SELECT ${['p.row_id', ...bytesOf(layout)].join(', ')} FROM ${layout.pending} p CROSS JOIN ${layout.byNumber('p.row_id')}
         WHERE p.row_id > :after AND ${layout.within(userId)}
           AND NOT EXISTS (SELECT 1 FROM ${layout.vectors} v WHERE v.row_id = p.row_id AND v.model = :model)
         ORDER BY p.row_id LIMIT :limit`,
      )
      .raw()
      .safeIntegers()
      .all({ after, model, userId: boundUser(userId), limit: BigInt(limit) }),
  );
}

/**
 * Stores the vector of each row that is still as it was when it was embedded, and returns how many those were. Rows
 * that then have all vectors that anybody asks for leave the list. Call it in a write transaction.
 *
 * @throws MigrationSuperseded
 */
export function storeVectors(
  open: OpenTable,
  { id, model }: Migration,
  rows: readonly (RowTexts & { readonly blob: Buffer })[],
): number {
  const { db, layout } = open;
  checkMigration(open, id);
  const same = bytesOf(layout).map((bytes) => `${bytes} IS ?`);
  const insert = db.prepare(
    `INSERT OR IGNORE INTO ${layout.vectors} (row_id, model, vector)
     SELECT ${layout.number}, ?, ? FROM ${layout.fromByNumber()} WHERE ${[`${layout.number} = ?`, ...same].join(' AND ')}`,
  );
  const settle = settling(open, model);
  let stored = 0;
  for (const { number, texts, blob } of rows) {
    const { changes } = insert.run(model, blob, number, ...texts);
    stored += changes;
    if (changes > 0) settle(number);
  }
  return stored;
}

/** Takes the rows of a window off the list that have all vectors. Call it in a write transaction. */
export function settleWindow(open: OpenTable, { id, model }: Migration, { after, upTo }: RowWindow): void {
  const { db, layout } = open;
  checkMigration(open, id);
  const settle = settling(open, model);
  const listed = db
    .prepare(
      `SELECT p.row_id FROM ${layout.pending} p WHERE p.row_id > ? AND p.row_id <= ?
       AND EXISTS (SELECT 1 FROM ${layout.vectors} v WHERE v.row_id = p.row_id AND v.model = ?)`,
    )
    .pluck()
    .safeIntegers();
  for (const number of listed.all(after, upTo, model) as bigint[]) settle(number);
}

/**
 * In one step: the model answers in all of the scope, the list is empty of its rows, and the migration is over. False,
 * and nothing happens, while there is a row without a vector.
 *
 * @throws MigrationSuperseded
 */
export function changeOver(open: OpenTable, migration: Migration): boolean {
  const { db, layout } = open;
  const { id, model, userId } = migration;
  return db
    .transaction(() => {
      checkMigration(open, id);
      if (lackingOnList(open, migration, LOWEST, 1).length > 0) return false;
      useModel(open, userId, model);
      if (userId === null) db.exec(`DELETE FROM ${layout.pending}`);
      else {
        db.prepare(
          `DELETE FROM ${layout.pending} WHERE row_id IN
             (SELECT p.row_id FROM ${layout.pending} p CROSS JOIN ${layout.byNumber('p.row_id')} WHERE ${layout.within(userId)})`,
        ).run({ userId: boundUser(userId) });
      }
      endMigration(open, id);
      return true;
    })
    .immediate();
}

/** A vector of another model than the one in use, or of a row that is gone. */
export interface OtherVector {
  readonly rowid: bigint;
  readonly number: bigint;
  readonly model: string;
}

/**
 * Up to `limit` vectors that a migration leaves over, in the order of their rows and after `after`. All are read through
 * the index on their key alone, which has no vectors in it.
 */
export function otherVectors(
  { db, layout }: OpenTable,
  { model, userId }: Migration,
  after: Pick<OtherVector, 'number' | 'model'> | null,
  limit: number,
): OtherVector[] {
  const from =
    userId === null ? `${layout.vectors} v` : `${layout.vectors} v CROSS JOIN ${layout.byNumber('v.row_id')}`;
  const orphan = userId === null ? ` OR NOT ${layout.exists('v.row_id')}` : '';
  const rows = db
    .prepare(
      `SELECT v.rowid, v.row_id, v.model FROM ${from}
       WHERE (v.row_id, v.model) > (:number, :name) AND (v.model <> :model${orphan}) AND ${layout.within(userId)}
       ORDER BY v.row_id, v.model LIMIT :limit`,
    )
    .raw()
    .safeIntegers()
    .all({
      number: after?.number ?? LOWEST,
      name: after?.model ?? '',
      model,
      userId: boundUser(userId),
      limit: BigInt(limit),
    }) as [bigint, bigint, string][];
  return rows.map(([rowid, number, name]) => ({ rowid, number, model: name }));
}

/**
 * Removes such vectors, and returns how many. A row that lacks the vector in use keeps the one it has, and comes on the
 * list. Null, and nothing happens, once another migration is under way, which may need them, or the model has gone out of
 * use. Call it in a write transaction.
 */
export function removeOthers(
  open: OpenTable,
  { model, userId }: Migration,
  others: readonly OtherVector[],
): number | null {
  const { db, layout } = open;
  if (presentMigration(open) !== null || modelInUse(open, userId) !== model) return null;
  const lacks = `${layout.exists(':number')}
    AND NOT EXISTS (SELECT 1 FROM ${layout.vectors} n WHERE n.row_id = :number AND n.model = :model)`;
  const remove = db.prepare(
    `DELETE FROM ${layout.vectors} WHERE rowid = :rowid AND row_id = :number AND NOT (${lacks})`,
  );
  const list = db.prepare(
    `INSERT INTO ${layout.pending} (row_id) SELECT :number
     WHERE ${lacks} AND NOT EXISTS (SELECT 1 FROM ${layout.pending} WHERE row_id = :number)`,
  );
  let removed = 0;
  for (const { rowid, number } of others) {
    const { changes } = remove.run({ rowid, number, model });
    removed += changes;
    if (changes === 0) list.run({ number, model });
  }
  return removed;
}

/** Takes a row that has the vector of `model` off the list, unless it lacks that of a model in use. */
function settling(open: OpenTable, model: string): (number: bigint) => void {
  const { db, layout } = open;
  const others = modelsInUse(open).filter((other) => other !== model);
  const has = others.map(() => `EXISTS (SELECT 1 FROM ${layout.vectors} v WHERE v.row_id = :number AND v.model = ?)`);
  const remove = db.prepare(`DELETE FROM ${layout.pending} WHERE ${['row_id = :number', ...has].join(' AND ')}`);
  return (number) => void remove.run(...others, { number });
}

function bytesOf(layout: OpenTable['layout']): string[] {
  return layout.texts('m').map((text) => `CAST(${text} AS BLOB)`);
}

function rowsOf(rows: unknown[]): RowTexts[] {
  return (rows as unknown[][]).map(([number, ...texts]) => ({
    number: number as bigint,
    texts: texts as (Buffer | null)[],
  }));
}
