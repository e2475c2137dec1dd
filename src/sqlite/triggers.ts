import { quoteName, sameName } from './identifier.js';
import { INDEXES, type Layout } from './layout.js';
import type { OpenTable } from './open-table.js';

const NAMES = { INSERT: 'inserted', UPDATE: 'updated', DELETE: 'deleted' } as const;

type TriggerEvent = keyof typeof NAMES;

// What SQLite calls an integer primary key besides its own name: https://sqlite.org/lang_createtable.html#rowid
const ROW_ID_NAMES = ['rowid', '_rowid_', 'oid'];

/**
 * Makes the triggers.
 *
 * REPLACE deletes the row in the way without a word to any trigger, so what an inserted row's number had is removed
 * first. A key that is no integer may be null: such a row has no number and is in no index. Where a statement says what
 * to do on a conflict, so do the triggers that it fires: nothing here relies on OR IGNORE. And a trigger of somebody
 * else's may have changed the row, or deleted it, before these are fired: they read the table, not `new`.
 */
export function createTriggers(open: OpenTable): void {
  const { db, layout } = open;
  const trigger = (event: TriggerEvent, body: readonly string[], { of = '', when = '' }: Updates = {}): void => {
    if (body.length === 0) return;
    db.exec(
      `CREATE TRIGGER ${quoteName(nameOf(layout, event))} AFTER ${event}${of} ON ${layout.table}${when} BEGIN
        ${body.join(';\n        ')};
      END`,
    );
  };
  const [added, gone] = [layout.numberOf('new'), layout.numberOf('old')];
  const number = `INSERT INTO ${layout.numbers} (id)
          SELECT m.${layout.id} FROM ${layout.keyed('new')} AND ${layout.unnumbered}`;
  const forget = `DELETE FROM ${layout.numbers} WHERE id = +old.${layout.id} AND NOT EXISTS (SELECT 1 FROM ${layout.keyed('old')})`;
  trigger('INSERT', [
    ...numbering(layout, number),
    ...unindex(layout, added),
    ...index(layout),
    ...noteChange(layout, added),
    ...dropVectors(layout, added),
    ...awaitVector(layout),
  ]);
  const whenUpdated = [
    ...unindex(layout, gone),
    ...noteChange(layout, gone),
    ...dropVectors(layout, gone, `(${changed(layout)})`),
    ...vectorSide(layout, `DELETE FROM ${layout.pending} WHERE row_id = ${gone}`),
    ...numbering(layout, forget),
    ...numbering(layout, number),
    ...unindex(layout, added),
    ...index(layout),
    ...noteChange(layout, added),
    ...dropVectors(layout, added, differs(layout.id)),
    ...awaitVector(layout),
  ];
  trigger('UPDATE', whenUpdated, updates(open));
  trigger('DELETE', [
    ...unindex(layout, gone),
    ...noteChange(layout, gone),
    ...dropVectors(layout, gone),
    ...vectorSide(layout, `DELETE FROM ${layout.pending} WHERE row_id = ${gone}`),
    ...numbering(layout, forget),
  ]);
}

export function dropTriggers({ db, layout }: OpenTable): void {
  for (const name of namesOf(layout)) db.exec(`DROP TRIGGER IF EXISTS ${quoteName(name)}`);
}

/** The names of the triggers that a layout has, not quoted. */
export function triggerNames(layout: Layout): string[] {
  const { fts, vectors } = layout.described;
  return layout.numbered || fts !== undefined || vectors !== undefined ? namesOf(layout) : [];
}

function namesOf(layout: Layout): string[] {
  return (Object.keys(NAMES) as TriggerEvent[]).map((event) => nameOf(layout, event));
}

function nameOf(layout: Layout, event: TriggerEvent): string {
  return `${layout.base}_${NAMES[event]}`;
}

/** Which updates a trigger is fired by. @default all */
interface Updates {
  readonly of?: string;
  readonly when?: string;
}

/**
 * Those that may change what a row has in the indexes. UPDATE OF goes by the names in the statement: an integer key has
 * several, and a generated column changes without being named.
 */
function updates({ db, layout }: OpenTable): Updates {
  const columns = db.pragma(`table_xinfo(${layout.table})`) as { name: string; hidden: number }[];
  const find = (name: string): { hidden: number } | undefined => columns.find((column) => sameName(column.name, name));
  // 2 and 3 are generated ones: https://sqlite.org/pragma.html#pragma_table_xinfo
  if (layout.indexed.some((name) => (find(name)?.hidden ?? 0) >= 2)) {
    return { when: ` WHEN ${differ(layout.indexed)}` };
  }
  const names = layout.numbered ? [] : ROW_ID_NAMES.filter((name) => find(name) === undefined);
  return { of: ` OF ${[...layout.indexed, ...names].map(quoteName).join(', ')}` };
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

function index(layout: Layout): string[] {
  return perIndex(
    layout,
    (table, answers) =>
      `INSERT INTO ${table} (${layout.entryColumns}) SELECT ${layout.entry} FROM ${layout.stored('new')} AND ${answers}`,
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

function awaitVector(layout: Layout): string[] {
  const { pending, number } = layout;
  return vectorSide(
    layout,
    `INSERT INTO ${pending} (row_id) SELECT ${number} FROM ${layout.stored('new')}
          AND NOT EXISTS (SELECT 1 FROM ${pending} WHERE row_id = ${number})`,
  );
}

function changed(layout: Layout): string {
  return differ([layout.described.id, ...(layout.described.content ?? [])]);
}

function differ(columns: readonly string[]): string {
  return columns.map((column) => differs(quoteName(column))).join(' OR ');
}

/** Also where the column's collation sees no difference. */
function differs(column: string): string {
  return `old.${column} IS NOT new.${column} COLLATE BINARY`;
}
