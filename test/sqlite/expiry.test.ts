import type Database from 'better-sqlite3';
import type { SqliteTable, TimeUnit } from 'treadle/store';
import { describe, expect, it } from 'vitest';
import migrate from '../../dist/tasks/migrate-embeddings.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import sweep from '../../dist/tasks/ttl-sweep.js';
import { expectSoundTable, openTable, runOn, searchOf } from '../support/own-table.js';
import { ROWS, sampleDatabase, schemaOf } from '../support/sakila.js';

const DAY_MS = 86_400_000;

/** Times before and after now, and what is no time, as a column of each unit may have them. */
const TIMES: Readonly<Record<TimeUnit, { past: (now: number) => unknown[]; others: (now: number) => unknown[] }>> = {
  text: {
    past: (now) => {
      const iso = new Date(now - DAY_MS).toISOString();
      return [
        '2005-05-24 22:53:30',
        '2005-05-24',
        iso,
        `${iso.slice(0, 19)}+00:00`,
        iso.slice(0, 19).replace('T', ' '),
      ];
    },
    others: (now) => ['2999-01-01', new Date(now + DAY_MS).toISOString(), 'soon', '', null],
  },
  s: {
    past: (now) => [0, -1, 1_116_975_210, 1.5, Math.floor((now - DAY_MS) / 1000)],
    others: (now) => [Math.floor((now + DAY_MS) / 1000), 9_007_199_254_740_993n, 'soon', Buffer.from('1'), null],
  },
  ms: {
    past: (now) => [0, -1, 1_116_975_210_000, 1.5, now - DAY_MS],
    others: (now) => [now + DAY_MS, 9_007_199_254_740_993n, 'soon', Buffer.from('1'), null],
  },
};

function setReturns(db: Database.Database, unit: TimeUnit): void {
  const { past, others } = TIMES[unit];
  const times = [...past(Date.now()), ...others(Date.now())];
  const set = db.prepare('UPDATE rental SET return_date = ? WHERE rental_id = ?');
  for (let n = 1; n <= ROWS; n++) set.run(times[n % times.length], n);
}

const count = (db: Database.Database, table: string, where = 'TRUE'): number =>
  db.prepare(`SELECT count(*) FROM "${table}" WHERE ${where}`).pluck().get() as number;

describe('ttl_sweep of rental', () => {
  it.each(['text', 's', 'ms'] as const)('deletes what has expired, by times in %s, and nothing else', async (unit) => {
    const { path, db } = sampleDatabase();
    setReturns(db, unit);
    const before = schemaOf(db);
    const table: SqliteTable = {
      table: 'rental',
      id: 'rental_id',
      user: 'customer_id',
      expiresAt: unit === 'ms' ? 'return_date' : { column: 'return_date', unit },
    };
    const data = { path, table };
    const kept = db
      .prepare(`SELECT rental_id, rental_date, return_date FROM rental WHERE rental_id % 10 >= 5`)
      .safeIntegers()
      .raw()
      .all();
    expect(await runOn(sweep, { userId: 3 }, data)).toEqual({ deleted: 24 });
    expect(count(db, 'rental')).toBe(ROWS - 24);
    expect(count(db, 'rental', 'customer_id = 3')).toBe(24);
    expect(await runOn(sweep, {}, data)).toEqual({ deleted: 96 });
    expect(await runOn(sweep, {}, data)).toEqual({ deleted: 0 });
    const left = db.prepare('SELECT rental_id, rental_date, return_date FROM rental').safeIntegers().raw().all();
    expect(left).toEqual(kept);
    expect(db.pragma('foreign_key_check')).toEqual([]);
    expect(schemaOf(db)).toEqual(before);
  });

  it('deletes nothing where times that are described as milliseconds are seconds', async () => {
    const { path, db } = sampleDatabase();
    const seconds = Math.floor((Date.now() + DAY_MS) / 1_000);
    db.prepare('UPDATE rental SET return_date = ?').run(seconds);
    const table: SqliteTable = { table: 'rental', id: 'rental_id', expiresAt: 'return_date' };
    await expect(runOn(sweep, {}, { path, table })).rejects.toThrow(
      `Expected column "return_date" of "rental" to have epoch milliseconds, got ${seconds}`,
    );
    expect(count(db, 'rental')).toBe(ROWS);
    expect(
      await runOn(sweep, {}, { path, table: { ...table, expiresAt: { column: 'return_date', unit: 's' } } }),
    ).toEqual({
      deleted: 0,
    });
  });

  it('leaves what is renewed before its turn', async () => {
    const { path, db } = sampleDatabase();
    setReturns(db, 'text');
    const table: SqliteTable = { table: 'rental', id: 'rental_id', expiresAt: { column: 'return_date', unit: 'text' } };
    openTable(path, table);
    let renewed = 0;
    const onCheck = (): void => {
      const last = "SELECT max(rental_id) FROM rental WHERE rental_id % 10 < 5 AND return_date < '2999-'";
      renewed += db.prepare(`UPDATE rental SET return_date = '2999-01-01' WHERE rental_id = (${last})`).run().changes;
    };
    const { deleted } = await runOn(sweep, {}, { path, table }, { onCheck });
    expect(renewed).toBeGreaterThan(0);
    expect(deleted + renewed).toBe(ROWS / 2);
    expect(count(db, 'rental')).toBe(ROWS - deleted);
  });
});

describe('ttl_sweep of customers', () => {
  const table = {
    table: 'customer',
    id: 'customer_id',
    content: ['first_name', 'last_name', 'email'],
    user: 'store_id',
    expiresAt: { column: 'create_date', unit: 'text' },
    fts: 'customer_fts',
    vectors: 'customer_vec',
  } as const;

  it('takes them out of all indexes, also when stopped in between and beside writers', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    db.exec(`UPDATE customer SET create_date = '2001-01-01' WHERE customer_id > 20`);
    const search = searchOf({ path, ...table });
    expect(await search.search('mary30')).toEqual([]);
    let checks = 0;
    const onCheck = (): void => {
      if (++checks === 3) throw new Error('stop');
    };
    await expect(runOn(sweep, {}, data, { onCheck })).rejects.toThrow('stop');
    expectSoundTable(path, table);
    const left = count(db, 'customer');
    expect(left).toBeGreaterThan(15);
    expect(left).toBeLessThan(ROWS);
    let n = 300;
    const insert = db.prepare(`REPLACE INTO customer VALUES (?, 1, ?, 'NEW', NULL, 1, 'Y', '2001-01-01', '')`);
    const beside = (): void => void insert.run(++n, `late${n}`);
    const { deleted } = await runOn(sweep, {}, data, { onCheck: beside });
    expect(n).toBeGreaterThan(300);
    expect(deleted).toBeGreaterThan(left - 20);
    expect(await runOn(sweep, { userId: 1 }, data)).toEqual({
      deleted: count(db, 'customer', 'customer_id > 300') + n - 300,
    });
    expect(count(db, 'customer')).toBe(15);
    expectSoundTable(path, table);
    expect(count(db, 'customer_vec')).toBe(15);
    expect(await search.search('mary7')).toMatchObject([{ row: { customer_id: 7 } }]);
  });

  it('fails where a row may not go because others refer to it, and loses nothing of that window', async () => {
    const { path, db } = sampleDatabase();
    const data = { path, table };
    await runOn(rebuild, {}, data);
    db.exec(`UPDATE customer SET create_date = '2001-01-01' WHERE customer_id = 1`);
    await expect(runOn(sweep, {}, data)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
    expect(count(db, 'customer')).toBe(ROWS);
    expectSoundTable(path, table);
  });
});

describe('ttl_sweep of rows with keys of their own', () => {
  it('deletes those of one user and namespace, then the others', async () => {
    const { path, db } = sampleDatabase();
    const table = {
      table: 'Customers',
      id: 'CustomerID',
      content: ['CompanyName'],
      user: 'Country',
      namespace: 'City',
      expiresAt: { column: 'Fax', unit: 'text' },
      fts: 'c',
      vectors: 'v',
    } as const;
    const data = { path, table };
    await runOn(rebuild, {}, data);
    await runOn(migrate, {}, data);
    db.exec(`UPDATE Customers SET Fax = '2001-01-01'`);
    const berlin = count(db, 'Customers', `City = 'Berlin' AND Country = 'Germany' AND CustomerID IS NOT NULL`);
    expect(await runOn(sweep, { userId: 'Germany', namespace: 'Berlin' }, data)).toEqual({ deleted: berlin });
    expectSoundTable(path, table);
    const keyed = count(db, 'Customers', 'CustomerID IS NOT NULL');
    expect(await runOn(sweep, {}, data)).toEqual({ deleted: keyed });
    // Rows without a key are nobody's business.
    expect(count(db, 'Customers')).toBe(3);
    expect([count(db, 'v'), count(db, 'c_numbers')]).toEqual([0, 0]);
    expectSoundTable(path, table);
  });
});
