import { createIndex } from './fts-index.js';
import { quoteName } from './identifier.js';
import { INDEXES, type Layout } from './layout.js';
import type { OpenTable } from './open-table.js';
import { createTallies } from './tally.js';

/** The triggers of a layout, by the event. */
export const TRIGGERS = { INSERT: 'inserted', UPDATE: 'updated', DELETE: 'deleted' } as const;

/**
 * Makes all that is kept beside a table, and the triggers that keep it in step. Call it in a write transaction.
 *
 * There are two full-text indexes, and the state's `current` names the one that answers. Ordinary writes go to that
 * one; while the other is being built (`build`) they also leave the row's number in the list of changes. Where the
 * building process was killed they go on doing so until the next rebuild.
 *
 * `vectors` has row ids although its key is (row, model): in a WITHOUT ROWID table a vector of more than 1 kB goes to an
 * overflow page of its own, which made a file 2.2 times as large at 384 dimensions.
 */
export function createSideTables(open: OpenTable, tokenizer: string): void {
  const { db, layout } = open;
  createTallies(db);
  if (layout.numbered) {
    db.exec(`CREATE TABLE ${layout.numbers} (number INTEGER PRIMARY KEY AUTOINCREMENT, id ANY NOT NULL UNIQUE) STRICT`);
  }
  if (layout.described.fts !== undefined) createFtsTables(open, tokenizer);
  if (layout.described.vectors !== undefined) createVectorTables(open);
  createTriggers(open);
}

function createFtsTables({ db, layout }: OpenTable, tokenizer: string): void {
  for (const index of INDEXES) createIndex(db, layout.fts(index), layout.width, tokenizer);
  db.exec(`
    CREATE TABLE ${layout.ftsState} (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      current TEXT NOT NULL CHECK (current IN ('a', 'b')),
      complete INTEGER NOT NULL,
      build TEXT,
      last_build TEXT,
      last_rows INTEGER,
      last_replayed INTEGER
    ) STRICT;
    INSERT INTO ${layout.ftsState} (one, current, complete) SELECT 1, 'a', NOT EXISTS (SELECT 1 FROM ${layout.table});
    CREATE TABLE ${layout.ftsChanges} (row_id INTEGER PRIMARY KEY) STRICT`);
}

function createVectorTables({ db, layout }: OpenTable): void {
  db.exec(
    `CREATE TABLE ${layout.vectors} (
      row_id INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE (row_id, model)
    ) STRICT`,
  );
  createVectorState({ db, layout });
}

/** What says which vectors are in use and which are missing. */
export function createVectorState({ db, layout }: OpenTable): void {
  db.exec(`
    CREATE TABLE ${layout.models} (scope TEXT PRIMARY KEY, model TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ${layout.pending} (row_id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE ${layout.vectorState} (one INTEGER PRIMARY KEY CHECK (one = 1), migration TEXT) STRICT;
    INSERT INTO ${layout.vectorState} (one) VALUES (1)`);
}

/**
 * REPLACE deletes the row in the way without a word to any trigger, so what an inserted row's number had is removed
 * first. A key that is no integer may be null: such a row has no number and is in no index. And where a statement says what to do on a conflict, so do the triggers that it fires: nothing here relies on
 * OR IGNORE.
 */
export function createTriggers({ db, layout }: OpenTable): void {
  const trigger = (event: keyof typeof TRIGGERS, columns: string, body: readonly string[]): void => {
    if (body.length === 0) return;
    db.exec(
      `CREATE TRIGGER ${triggerName(layout, event)} AFTER ${event}${columns} ON ${layout.table} BEGIN
        ${body.join(';\n        ')};
      END`,
    );
  };
  const [added, gone] = [layout.numberOf('new'), layout.numberOf('old')];
  const number = `INSERT INTO ${layout.numbers} (id) SELECT new.${layout.id} WHERE ${added} IS NULL AND new.${layout.id} IS NOT NULL`;
  trigger('INSERT', '', [
    ...numbering(layout, number),
    ...unindex(layout, added),
    ...index(layout, added),
    ...noteChange(layout, added),
    ...dropVectors(layout, added),
    ...awaitVector(layout, added),
  ]);
  trigger('UPDATE', ` OF ${layout.indexed}`, [
    ...unindex(layout, gone),
    ...noteChange(layout, gone),
    ...dropVectors(layout, gone, `(${changed(layout)})`),
    ...vectorSide(layout, `DELETE FROM ${layout.pending} WHERE row_id = ${gone}`),
    ...numbering(layout, `UPDATE ${layout.numbers} SET id = new.${layout.id} WHERE id = old.${layout.id}`),
    ...numbering(layout, number),
    ...unindex(layout, added),
    ...index(layout, added),
    ...noteChange(layout, added),
    ...dropVectors(layout, added, `old.${layout.id} IS NOT new.${layout.id}`),
    ...awaitVector(layout, added),
  ]);
  trigger('DELETE', '', [
    ...unindex(layout, gone),
    ...noteChange(layout, gone),
    ...dropVectors(layout, gone),
    ...vectorSide(layout, `DELETE FROM ${layout.pending} WHERE row_id = ${gone}`),
    ...numbering(layout, `DELETE FROM ${layout.numbers} WHERE id = old.${layout.id}`),
  ]);
}

export function dropTriggers({ db, layout }: OpenTable): void {
  for (const event of Object.keys(TRIGGERS) as (keyof typeof TRIGGERS)[]) {
    db.exec(`DROP TRIGGER IF EXISTS ${triggerName(layout, event)}`);
  }
}

/** Removes all that is kept beside a table, save the tallies. Call it in a write transaction. */
export function dropSideTables(open: OpenTable): void {
  const { db, layout } = open;
  dropTriggers(open);
  const { fts, vectors } = layout.described;
  const tables = [
    ...(layout.numbered ? [layout.numbers] : []),
    ...(fts === undefined ? [] : [layout.fts('a'), layout.fts('b'), layout.ftsState, layout.ftsChanges]),
    ...(vectors === undefined ? [] : [layout.vectors, layout.models, layout.pending, layout.vectorState]),
  ];
  for (const table of tables) db.exec(`DROP TABLE IF EXISTS ${table}`);
}

function triggerName(layout: Layout, event: keyof typeof TRIGGERS): string {
  return quoteName(`${layout.base}_${TRIGGERS[event]}`);
}

function numbering(layout: Layout, statement: string): string[] {
  return layout.numbered ? [statement] : [];
}

function vectorSide(layout: Layout, statement: string): string[] {
  return layout.described.vectors === undefined ? [] : [statement];
}

function perIndex(layout: Layout, statement: (table: string, answers: string) => string): string[] {
  if (layout.described.fts === undefined) return [];
  return INDEXES.map((name) => statement(layout.fts(name), `(SELECT current FROM ${layout.ftsState}) = '${name}'`));
}

function unindex(layout: Layout, number: string): string[] {
  return perIndex(layout, (table, answers) => `DELETE FROM ${table} WHERE rowid = ${number} AND ${answers}`);
}

function index(layout: Layout, number: string): string[] {
  const values = [number, layout.scope('new'), ...layout.texts('new')].join(', ');
  return perIndex(
    layout,
    (table, answers) =>
      `INSERT INTO ${table} (${layout.entryColumns}) SELECT ${values} WHERE ${answers} AND ${number} IS NOT NULL`,
  );
}

function noteChange(layout: Layout, number: string): string[] {
  if (layout.described.fts === undefined) return [];
  const { ftsState, ftsChanges } = layout;
  return [
    `INSERT INTO ${ftsChanges} (row_id) SELECT ${number} WHERE (SELECT build FROM ${ftsState}) IS NOT NULL
          AND ${number} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ${ftsChanges} WHERE row_id = ${number})`,
  ];
}

function dropVectors(layout: Layout, number: string, when?: string): string[] {
  return vectorSide(
    layout,
    `DELETE FROM ${layout.vectors} WHERE row_id = ${number}${when === undefined ? '' : ` AND ${when}`}`,
  );
}

function awaitVector(layout: Layout, number: string): string[] {
  const { pending } = layout;
  return vectorSide(
    layout,
    `INSERT INTO ${pending} (row_id) SELECT ${number} WHERE ${number} IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM ${pending} WHERE row_id = ${number})`,
  );
}

function changed(layout: Layout): string {
  const olds = layout.texts('old');
  const differ = layout.texts('new').map((text, at) => `${text} IS NOT ${olds[at]}`);
  return [`old.${layout.id} IS NOT new.${layout.id}`, ...differ].join(' OR ');
}
