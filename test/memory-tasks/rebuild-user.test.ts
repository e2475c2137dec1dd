import type Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MEMORIES_LAYOUT } from '../../dist/store/memories-table.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { handContext, runByHand } from '../support/memory-task.js';
import {
  connection,
  currentIndex,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  ftsTable,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';
import { databaseOf, expectSoundTable, openTable, runOn } from '../support/own-table.js';

const ROWS = 900;

function filled(users = 3): { path: string; db: Database.Database; table: string } {
  const path = temporaryPath();
  fill(path, ROWS, { users });
  const db = connection(path);
  return { path, db, table: ftsTable(currentIndex(db)) };
}

describe('rebuild_fts_index of one user', () => {
  it("makes the user's entries anew in place", async () => {
    const { path, db, table } = filled();
    db.exec(`DELETE FROM ${table} WHERE rowid IN (SELECT id FROM memories WHERE user_id = 'user1')`);
    const store = temporaryStore({ path });
    expect(await store.search('row7', { userId: 'user1' })).toEqual([]);
    const result = await runByHand(rebuild, { userId: 'user1' }, handContext({ path }));
    expect(result).toEqual({ rows: ROWS / 3, replayed: 0, removed: 0 });
    expect(await store.search('row7', { userId: 'user1' })).toHaveLength(1);
    expect(currentIndex(db)).toBe('a');
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it("does not touch other users' entries", async () => {
    const { path, db, table } = filled();
    // Wrong entries of the others, which a rebuild of them would put right.
    db.exec(`DELETE FROM ${table} WHERE rowid IN (SELECT id FROM memories WHERE user_id <> 'user1')`);
    db.exec(`INSERT INTO ${table} (rowid, scope, content)
             SELECT m.id, ${MEMORIES_LAYOUT.scope('m')}, 'untouched' FROM memories m WHERE m.user_id <> 'user1'`);
    await runByHand(rebuild, { userId: 'user1' }, handContext({ path }));
    const store = temporaryStore({ path });
    expect(await store.search('untouched', { userId: 'user0', limit: 200 })).toHaveLength(200);
    expect(await store.search('untouched', { userId: 'user1' })).toEqual([]);
    expect(await store.search('row7', { userId: 'user1' })).toHaveLength(1);
    expect(await store.search('row6', { userId: 'user0' })).toEqual([]);
  });

  it("removes the user's entries that have no row, and nobody else's", async () => {
    const { path, db, table } = filled();
    const orphan =
      db.prepare(`INSERT INTO ${table} (rowid, scope, content) SELECT ?, ${MEMORIES_LAYOUT.scope('m')}, 'ghost' FROM
                               (SELECT ? AS user_id, 'default' AS namespace) m`);
    for (let n = 0; n < 120; n++) orphan.run(10_000 + n, 'user1');
    orphan.run(20_000, 'user2');
    expect(await runByHand(rebuild, { userId: 'user1' }, handContext({ path }))).toMatchObject({ removed: 120 });
    expect(db.prepare(`SELECT rowid FROM ${table} WHERE ${table} MATCH 'ghost'`).pluck().all()).toEqual([20_000]);
  });

  it('ends up right with rows that are added, changed and deleted meanwhile', async () => {
    const { path, db } = filled(1);
    let n = 0;
    const context = handContext(
      { path },
      {
        onCheck: () => {
          n += 3;
          db.prepare('UPDATE memories SET content = ? WHERE id = ?').run(`changed${n}`, n);
          db.prepare('DELETE FROM memories WHERE id = ?').run(ROWS - n);
        },
      },
    );
    await runByHand(rebuild, { userId: 'user0' }, context, 2);
    expect(n).toBeGreaterThan(9);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('leaves a whole index when it is cancelled', async () => {
    const { path } = filled(1);
    const stop = new Error('stop');
    let checks = 0;
    const context = handContext(
      { path },
      {
        onCheck: () => {
          if (++checks === 5) throw stop;
        },
      },
    );
    await expect(runByHand(rebuild, { userId: 'user0' }, context)).rejects.toBe(stop);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it("leaves alone the rows of a window that go or become another user's before their turn", async () => {
    const { path, db } = filled(1);
    let looks = 0;
    const onCheck = (stage: string): void => {
      // The first look is before the rows of the first window are found, the second before they are indexed.
      if (stage !== 'indexing' || ++looks !== 2) return;
      db.exec(`UPDATE memories SET user_id = 'user1' WHERE id = 1`);
      db.exec('DELETE FROM memories WHERE id = 2');
      db.exec('UPDATE memories SET id = 100003 WHERE id = 3');
    };
    const result = await runByHand(rebuild, { userId: 'user0' }, handContext({ path }, { onCheck }));
    expect(result).toEqual({ rows: ROWS - 3, replayed: 0, removed: 0 });
    expectIndexMatchesRows(path);
  });

  it('removes no entry whose row came after it was found to be an orphan', async () => {
    const { path, db, table } = filled(1);
    const orphan =
      db.prepare(`INSERT INTO ${table} (rowid, scope, content) SELECT ?, ${MEMORIES_LAYOUT.scope('m')}, 'ghost' FROM
                               (SELECT 'user0' AS user_id, 'default' AS namespace) m`);
    for (const id of [10_001, 10_002, 10_003, 10_004]) orphan.run(id);
    let looks = 0;
    const onCheck = (stage: string): void => {
      if (stage !== 'removing orphans' || ++looks > 1) return;
      const add = db.prepare(
        `INSERT INTO memories (id, user_id, importance, created_at, content_hash, content) VALUES (?, ?, 0.5, 0, ?, ?)`,
      );
      add.run(10_001, 'user0', Buffer.from('1'), 'his now');
      add.run(10_002, 'user1', Buffer.from('2'), 'hers now');
      db.exec(`DELETE FROM ${table} WHERE rowid = 10003`);
    };
    expect(await runByHand(rebuild, { userId: 'user0' }, handContext({ path }, { onCheck }))).toMatchObject({
      removed: 1,
    });
    expectIndexMatchesRows(path);
  });

  it.each(['INTEGER PRIMARY KEY', 'TEXT PRIMARY KEY'])(
    'of an own table whose key is %s, without an index on its user, reaches rows by their numbers alone while it holds the lock',
    async (key) => {
      const { path, db } = databaseOf(`CREATE TABLE notes (id ${key}, owner TEXT, body TEXT)`);
      const table = { table: 'notes', id: 'id', content: ['body'], user: 'owner', fts: 'notes_fts' };
      const { db: own, layout } = openTable(path, table);
      const insert = db.prepare('INSERT INTO notes VALUES (?, ?, ?)');
      for (let n = 1; n <= 400; n++) insert.run(n, n % 100 === 0 ? 'rare' : 'all', `words of ${n}`);
      own.exec(`INSERT INTO ${layout.fts('a')} (rowid, scope, content) SELECT 1000, scope, 'ghost' FROM
                (SELECT ${layout.scope('m')} AS scope FROM (SELECT 'rare' AS owner) m)`);
      const plans = plansUnderLock(own);
      expect(await runOn(rebuild, { userId: 'rare' }, { path, table })).toEqual({ rows: 4, replayed: 0, removed: 1 });
      expectSoundTable(path, table);
      expect(plans.length).toBeGreaterThan(0);
      // A range, or nothing, in place of `=` would go through other rows too. Tables of the state have a single row.
      const passes = plans.filter((plan) => /^(SCAN|SEARCH) (m|k|f|notes_fts_a)\b/.test(plan));
      expect(passes.length).toBeGreaterThan(0);
      for (const pass of passes) expect(pass).toMatch(/\((rowid|id)=\?\)$|INDEX \d+:=(M\d+)?$/);
    },
  );

  it('has nothing to do for a user without rows', async () => {
    const { path } = filled();
    expect(await runByHand(rebuild, { userId: 'nobody' }, handContext({ path }))).toEqual({
      rows: 0,
      replayed: 0,
      removed: 0,
    });
    expectIndexMatchesRows(path);
  });
});

/** Collects how SQLite goes about each statement that any connection runs in a transaction, until the test ends. */
function plansUnderLock(db: Database.Database): string[] {
  const plans: string[] = [];
  const methods = Object.getPrototypeOf(db.prepare('SELECT 1')) as Record<string, (...bound: unknown[]) => unknown>;
  let looking = false;
  for (const name of ['run', 'get', 'all']) {
    const original = methods[name] as (...bound: unknown[]) => unknown;
    methods[name] = function (this: Database.Statement, ...bound: unknown[]): unknown {
      if (this.database.inTransaction && !looking && /^\s*(SELECT|INSERT|UPDATE|DELETE)/i.test(this.source)) {
        looking = true;
        const steps = this.database.prepare(`EXPLAIN QUERY PLAN ${this.source}`).all(...bound) as { detail: string }[];
        plans.push(...steps.map(({ detail }) => detail));
        looking = false;
      }
      return original.apply(this, bound);
    };
    onTestFinished(() => void (methods[name] = original));
  }
  return plans;
}
