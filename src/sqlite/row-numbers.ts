import type { OpenTable } from './open-table.js';
import { PacedWriter } from './paced-writer.js';

// Rows that one transaction numbers: about 10 ms.
const NUMBERED_ROWS = 2_000;

/**
 * Numbers the rows that have no number yet: those that were there before there were triggers. A table whose rows need
 * none is left alone.
 *
 * @param mayGoOn called before each step; what it throws ends the work
 */
export async function numberRows({ db, layout }: OpenTable, mayGoOn: () => void): Promise<void> {
  if (!layout.numbered) return;
  const { table, id, numbers } = layout;
  const unnumbered = `NOT EXISTS (SELECT 1 FROM ${numbers} k WHERE k.id = m.${id})`;
  const after = (condition: string): string =>
    `SELECT m.${id} FROM ${table} m WHERE ${condition} AND ${unnumbered} ORDER BY m.${id} LIMIT ${NUMBERED_ROWS}`;
  const first = db
    .prepare(after(`m.${id} IS NOT NULL`))
    .pluck()
    .safeIntegers();
  const next = db
    .prepare(after(`m.${id} > ?`))
    .pluck()
    .safeIntegers();
  // Once more under the lock: another thread may number too, and rows may go.
  const number = db.prepare(
    `INSERT INTO ${numbers} (id) SELECT m.${id} FROM ${table} m WHERE m.${id} = ? AND ${unnumbered}`,
  );
  const writer = new PacedWriter(db);
  for (let ids = first.all(); ids.length > 0; ids = next.all(ids.at(-1))) {
    mayGoOn();
    const batch = ids;
    await writer.write(() => {
      for (const each of batch) number.run(each);
    });
  }
}
