import type Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
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
