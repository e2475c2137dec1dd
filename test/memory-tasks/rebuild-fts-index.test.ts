import type Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../dist/store/memory.js';
import type { RowWindow } from '../../dist/sqlite/row-windows.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { handContext, runByHand } from '../support/memory-task.js';
import {
  beginBuild,
  connection,
  currentIndex,
  entriesOfOther,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  ftsTable,
  idWindows,
  temporaryPath,
  temporaryStore,
} from '../support/memories.js';

const ROWS = 1_500;

function filled(rows = ROWS): { path: string; db: Database.Database } {
  const path = temporaryPath();
  fill(path, rows);
  return { path, db: connection(path) };
}

/** Spoils the index that answers: from now on it finds nothing. */
function spoil(db: Database.Database): void {
  db.exec(`INSERT INTO ${ftsTable(currentIndex(db))} (${ftsTable(currentIndex(db))}) VALUES ('delete-all')`);
}

async function plan(path: string): Promise<RowWindow[]> {
  const { steps } = rebuild;
  const planned = (await steps.plan?.({}, handContext({ path }))) as RowWindow[] | undefined;
  return planned ?? [];
}

function change(db: Database.Database, n: number): void {
  const content = `changed${n} text`;
  db.prepare('UPDATE memories SET content = ?, content_hash = ? WHERE id = ?').run(content, contentHash(content), n);
}

function add(db: Database.Database, content: string): void {
  db.prepare(
    `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES ('user0', 0.5, 0, ?, ?)`,
  ).run(contentHash(content), content);
}

describe('rebuild_fts_index', () => {
  it('makes a whole index of a spoilt one, and swaps it in', async () => {
    const { path, db } = filled();
    spoil(db);
    const store = temporaryStore({ path });
    expect(await store.search('row7', { userId: 'user1' })).toEqual([]);
    const before = currentIndex(db);
    expect(await runByHand(rebuild, {}, handContext({ path }))).toEqual({ rows: ROWS, replayed: 0, removed: 0 });
    expect(currentIndex(db)).not.toBe(before);
    expect(await store.search('row7', { userId: 'user1' })).toMatchObject([{ content: 'row7 about subject0' }]);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('can be done again and again', async () => {
    const { path } = filled(300);
    for (let time = 0; time < 3; time++) {
      expect(await runByHand(rebuild, {}, handContext({ path }))).toMatchObject({ rows: 300 });
      expectIndexMatchesRows(path);
    }
    expectNoDebris(path);
  });

  it('works without a single row, and with ids far apart', async () => {
    const path = temporaryPath();
    expect(await runByHand(rebuild, {}, handContext({ path }))).toEqual({ rows: 0, replayed: 0, removed: 0 });
    fill(path, 600);
    connection(path).exec('UPDATE memories SET id = id * 1000000007');
    expect(await runByHand(rebuild, {}, handContext({ path }))).toMatchObject({ rows: 600 });
    expectIndexMatchesRows(path);
  });

  describe('that is planned', () => {
    it.each([
      ['lie close together', 'SELECT 1', 1_500],
      ['have some gaps', 'DELETE FROM memories WHERE id % 9 = 0', 1_334],
      [
        'lie far apart',
        'DELETE FROM memories WHERE id BETWEEN 300 AND 900; UPDATE memories SET id = id * 1000 WHERE id > 1200',
        899,
      ],
      ['are all at the end', 'UPDATE memories SET id = id + 1000000', 1_500],
    ])('has items of about equally many rows where ids %s, so that progress means something', async (_, sql, count) => {
      const { path, db } = filled();
      db.exec(sql);
      const windows = await plan(path);
      const inWindow = db.prepare('SELECT count(*) FROM memories WHERE id > ? AND id <= ?').pluck();
      const rows = windows.map(({ after, upTo }) => inWindow.get(after, upTo) as number);
      expect(rows.reduce((sum, each) => sum + each)).toBe(count);
      for (const each of rows.slice(0, -1)) expect([88, 89, 100]).toContain(each);
      expect(rows.length).toBeLessThanOrEqual(15);
    });

    it('has at most 32 windows in a small table, and windows of 1,000 rows in a large one', () => {
      const path = temporaryPath();
      fill(path, 40_000, { contentOf: (n) => `row${n}` });
      const db = connection(path);
      expect(idWindows(db, { min: 100, max: 1_000 }, null)).toHaveLength(40);
      expect(idWindows(db, { min: 100, max: 10_000 }, null)).toHaveLength(32);
      expect(idWindows(db, { min: 100, max: 100 }, 'user1')).toHaveLength(134);
    });

    it.each([
      ['delete the last row', 'DELETE FROM memories WHERE id = (SELECT max(id) FROM memories)'],
      ['delete many rows', 'DELETE FROM memories WHERE id % 3 = 0'],
      [
        'add a row',
        `INSERT INTO memories (user_id, importance, created_at, content_hash, content)
         VALUES ('x', 0, 0, randomblob(9), 'x')`,
      ],
    ])('covers every row when others %s between any two of its queries', (_, sql) => {
      for (const spread of [1, 10]) {
        const { path } = filled(550);
        const meddler = connection(path);
        meddler.exec(`UPDATE memories SET id = -id; UPDATE memories SET id = -id * ${spread}`);
        let queries = 0;
        const afterwards = (result: unknown): unknown => {
          queries++;
          meddler.exec(sql);
          return result;
        };
        const db = connection(path);
        const prepare = db.prepare.bind(db);
        // A connection on which each query is followed by a change of somebody else.
        const statement = (source: string): unknown => ({
          pluck: () => ({
            safeIntegers: () => ({
              all: (bound: unknown) => afterwards(prepare(source).pluck().safeIntegers().all(bound)),
              get: (bound: unknown) => afterwards(prepare(source).pluck().safeIntegers().get(bound)),
            }),
          }),
        });
        const windows = idWindows(Object.assign(db, { prepare: statement as never }), { min: 100, max: 100 }, null);
        expect(queries).toBeGreaterThan(2);
        const ids = meddler
          .prepare('SELECT id FROM memories WHERE id <= ?')
          .pluck()
          .all(550 * spread) as number[];
        const missed = ids.filter((id) => !windows.some(({ after, upTo }) => id > after && id <= upTo));
        expect(missed).toEqual([]);
      }
    });
  });

  it('ends up right with rows that others add, change and delete at every stage of it', async () => {
    const { path, db } = filled();
    // Not where the rebuild holds the write lock.
    db.pragma('busy_timeout = 0');
    let n = 0;
    let locked = 0;
    const meddle = (): void => {
      try {
        db.transaction(change7).immediate();
      } catch (error) {
        expect(error).toMatchObject({ code: 'SQLITE_BUSY' });
        locked++;
      }
    };
    const change7 = (): void => {
      n += 7;
      change(db, n);
      add(db, `added row${n}`);
      db.prepare('DELETE FROM memories WHERE id = ?').run(ROWS - n);
      // One that comes and goes, and one that changes and goes.
      add(db, 'short lived');
      db.exec(`DELETE FROM memories WHERE content = 'short lived'`);
      change(db, 20 + n);
      db.prepare('DELETE FROM memories WHERE id = ?').run(20 + n);
    };
    const stages: string[] = [];
    const context = handContext(
      { path },
      {
        onStage: (stage) => {
          stages.push(stage);
          meddle();
        },
        onCheck: meddle,
      },
    );
    const result = await runByHand(rebuild, {}, context, 2);
    expect(stages).toEqual(['preparing', 'indexing', 'catching up', 'swapping', 'removing the old index']);
    expect(result.replayed).toBeGreaterThan(0);
    expect(locked).toBeGreaterThan(0);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
    expect(await temporaryStore({ path }).search('changed7', { userId: 'user0' })).toHaveLength(1);
  });

  it('catches up with more changes than one transaction takes', async () => {
    const { path, db } = filled();
    const context = handContext(
      { path },
      {
        onStage: (stage) => {
          if (stage === 'catching up') for (let id = 1; id <= 900; id++) change(db, id);
        },
      },
    );
    expect(await runByHand(rebuild, {}, context)).toEqual({ rows: ROWS, replayed: 900, removed: 0 });
    expectIndexMatchesRows(path);
  });

  it('loses and doubles nothing when a chunk runs twice, in any order', async () => {
    const { path, db } = filled();
    const { steps } = rebuild;
    const context = handContext({ path });
    const items = [...((await steps.plan?.({}, context)) ?? [])];
    const chunks = [items.slice(0, 2), items.slice(2, 4), items.slice(1, 5), items.slice(4), items, items.slice(0, 1)];
    for (const chunk of chunks) await steps.run?.(chunk, context, {});
    change(db, 5);
    for (const chunk of chunks) await steps.run?.(chunk, context, {});
    expect(await steps.finish?.([], context, {})).toMatchObject({ rows: ROWS, replayed: 1 });
    expectIndexMatchesRows(path);
  });

  it('gives the same result when finish runs again after its swap', async () => {
    const { path } = filled(300);
    const context = handContext({ path });
    const first = await runByHand(rebuild, {}, context);
    const current = currentIndex(connection(path));
    expect(await rebuild.steps.finish?.([], context, {})).toEqual(first);
    expect(currentIndex(connection(path))).toBe(current);
    expectIndexMatchesRows(path);
  });

  describe('that is cancelled', () => {
    it.each([
      ['preparing', 1],
      ['indexing', 2],
      // Under the write lock, when the second chunk is added.
      ['indexing', 8],
      ['catching up', 1],
    ])('while %s (look %i) leaves the old index whole and nothing behind', async (stage, times) => {
      const { path, db } = filled();
      await leaveDebris(path);
      const before = currentIndex(db);
      const stop = new Error('stop');
      let checks = 0;
      const onCheck = (present: string): void => {
        if (present === stage && ++checks === times) throw stop;
      };
      await expect(runByHand(rebuild, {}, handContext({ path }, { onCheck }))).rejects.toBe(stop);
      expect(currentIndex(db)).toBe(before);
      change(db, 3);
      expectIndexMatchesRows(path);
      expectNoDebris(path);
      expect(await runByHand(rebuild, {}, handContext({ path }))).toMatchObject({ rows: ROWS });
      expectIndexMatchesRows(path);
    });
  });

  it('removes what a killed rebuild left behind', async () => {
    const { path } = filled();
    await leaveDebris(path);
    expect(await runByHand(rebuild, {}, handContext({ path }))).toMatchObject({ rows: ROWS });
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  it('removes a large index step by step', async () => {
    const { path, db } = filled(300);
    db.unsafeMode(true);
    db.exec(`WITH RECURSIVE ids (id) AS (SELECT 100 UNION ALL SELECT id + 1 FROM ids WHERE id < 15000)
             INSERT INTO ${ftsTable('b')}_data SELECT id, x'00' FROM ids`);
    let steps = 0;
    const onCheck = (stage: string): void => void (stage === 'preparing' && steps++);
    await runByHand(rebuild, {}, handContext({ path }, { onCheck }));
    expect(steps).toBeGreaterThan(3);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
  });

  describe('begun twice at once', () => {
    it('lets the later one win, and the earlier one fail without a trace', async () => {
      const { path } = filled();
      const { steps } = rebuild;
      const [early, late] = [handContext({ path }, { taskId: 'early' }), handContext({ path }, { taskId: 'late' })];
      const items = [...((await steps.plan?.({}, early)) ?? [])];
      await steps.run?.(items.slice(0, 2), early, {});
      const lateItems = [...((await steps.plan?.({}, late)) ?? [])];
      const failed = (async () => steps.run?.(items.slice(2), early, {}))();
      await expect(failed).rejects.toMatchObject({
        code: 'BUILD_SUPERSEDED',
        message: expect.stringContaining('the later one late took over'),
      });
      await expect((async () => steps.finish?.([], early, {}))()).rejects.toMatchObject({ code: 'BUILD_SUPERSEDED' });
      await steps.run?.(lateItems, late, {});
      await steps.cleanup?.(early, {});
      expect(await steps.finish?.([], late, {})).toMatchObject({ rows: ROWS });
      await steps.cleanup?.(late, {});
      expectIndexMatchesRows(path);
      expectNoDebris(path);
    });

    it('lets the earlier one add nothing that it has indexed meanwhile', async () => {
      const { path, db } = filled();
      const other = connection(path);
      let looks = 0;
      const takeOver = (stage: string): void => {
        if (stage === 'indexing' && ++looks === 6) beginBuild(other, 'late');
      };
      const early = handContext({ path }, { taskId: 'early', onCheck: takeOver });
      await expect(runByHand(rebuild, {}, early)).rejects.toMatchObject({ code: 'BUILD_SUPERSEDED' });
      // The first chunk of three windows is left to the later one.
      expect(entriesOfOther(db)).toBe(300);
      expect(await runByHand(rebuild, {}, handContext({ path }, { taskId: 'late' }))).toMatchObject({ rows: ROWS });
      expectIndexMatchesRows(path);
      expectNoDebris(path);
    });

    it.each(['indexing', 'catching up', 'swapping'])('holds while the earlier one is %s', async (stage) => {
      const { path, db } = filled();
      const before = currentIndex(db);
      const takeOver = (present: string): void => {
        if (present === stage) beginBuild(other, 'late');
      };
      const other = connection(path);
      const early = handContext({ path }, { onStage: takeOver });
      await expect(runByHand(rebuild, {}, early)).rejects.toMatchObject({ code: 'BUILD_SUPERSEDED' });
      expect(currentIndex(db)).toBe(before);
      const late = handContext({ path }, { taskId: 'late' });
      expect(await runByHand(rebuild, {}, late)).toMatchObject({ rows: ROWS });
      expectIndexMatchesRows(path);
      expectNoDebris(path);
    });
  });

  it('keeps the database sound at every step, also for who looks at it with SQLite alone', async () => {
    const { path, db } = filled(600);
    const verdicts = new Set<unknown>();
    const look = (): void => void verdicts.add(db.pragma('integrity_check', { simple: true }));
    const context = handContext({ path }, { onStage: look, onCheck: look });
    await runByHand(rebuild, {}, context, 1);
    expect([...verdicts]).toEqual(['ok']);
  });
});

/** Leaves what a rebuild leaves whose process is killed: a full index, a list of changes. */
async function leaveDebris(path: string): Promise<void> {
  const killed = new Error('killed');
  const { steps } = rebuild;
  const onStage = (stage: string): void => {
    if (stage === 'catching up') throw killed;
  };
  const context = handContext({ path }, { onStage });
  await steps.run?.([...((await steps.plan?.({}, context)) ?? [])], context, {});
  await expect((async () => steps.finish?.([], context, {}))()).rejects.toBe(killed);
  change(connection(path), 1);
  expect(entriesOfOther(connection(path))).toBe(ROWS);
  expect(connection(path).prepare('SELECT count(*) FROM memories_fts_changes').pluck().get()).toBe(1);
}
