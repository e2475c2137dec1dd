import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';

// Rows that one transaction numbers: about 10 ms.
const NUMBERED_ROWS = 2_000;

/**
 * Numbers the rows that have no number yet: those that were there before there were triggers. And forgets the numbers of
 * rows that are gone without a word to any trigger, as those that REPLACE deletes are. A table whose rows need none is
 * left alone.
 *
 * @param mayGoOn called before each step; what it throws ends the work
 */
export async function numberRows(open: OpenTable, mayGoOn: () => void): Promise<void> {
  if (!open.layout.numbered) return;
  await forgetNumbers(open, mayGoOn);
  await giveNumbers(open, mayGoOn);
}

async function giveNumbers({ db, layout }: OpenTable, mayGoOn: () => void): Promise<void> {
  const { table, id, numbers, unnumbered } = layout;
  // A text is read and bound as its bytes: as a string, one that is no valid UTF-8 would not be the same any more.
  const key = `CASE typeof(m.${id}) WHEN 'text' THEN CAST(m.${id} AS BLOB) ELSE m.${id} END`;
  const bound = 'CASE ? WHEN 1 THEN CAST(? AS TEXT) ELSE ? END';
  const after = (condition: string) =>
    db
      .prepare(
        `SELECT typeof(m.${id}) = 'text', ${key} FROM ${table} m
         WHERE ${condition} AND ${unnumbered} ORDER BY m.${id} LIMIT ${NUMBERED_ROWS}`,
      )
      .raw()
      .safeIntegers();
  const first = after(`m.${id} IS NOT NULL`);
  const next = after(`m.${id} > ${bound}`);
  // Once more under the lock: another thread may number too, and rows may go.
  const number = db.prepare(
    `INSERT INTO ${numbers} (id) SELECT m.${id} FROM ${table} m WHERE m.${id} = ${bound} AND ${unnumbered}`,
  );
  const writer = new PacedWriter(db);
  for (let keys = first.all() as Key[]; keys.length > 0; keys = next.all(...boundKey(keys.at(-1) as Key)) as Key[]) {
    mayGoOn();
    const batch = keys;
    await writer.write(() => {
      for (const each of batch) number.run(...boundKey(each));
    });
  }
}

type Key = readonly [isText: bigint, key: unknown];

function boundKey([isText, key]: Key): unknown[] {
  return [isText, key, key];
}

async function forgetNumbers({ db, layout }: OpenTable, mayGoOn: () => void): Promise<void> {
  const { numbers } = layout;
  const gone = `NOT ${layout.exists('n.number')}`;
  const find = db
    .prepare(
      `SELECT n.number FROM ${numbers} n WHERE n.number > ? AND ${gone} ORDER BY n.number LIMIT ${NUMBERED_ROWS}`,
    )
    .pluck();
  const forget = db.prepare(`DELETE FROM ${numbers} AS n WHERE n.number = ? AND ${gone}`);
  const writer = new PacedWriter(db);
  for (let found = find.all(0) as number[]; found.length > 0; found = find.all(found.at(-1)) as number[]) {
    mayGoOn();
    const batch = found;
    await writer.write(() => {
      for (const each of batch) forget.run(each);
    });
  }
}
