import type { Database } from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_TOKENIZER, currentIndex, otherIndex } from '../../dist/sqlite/fts-index.js';
import { RowIndexer } from '../../dist/sqlite/row-indexer.js';
import type { OpenTable } from '../../dist/sqlite/open-table.js';
import { openShadows } from '../../dist/sqlite/shadow-tables.js';
import { type RowWindow, rowWindows } from '../../dist/sqlite/row-windows.js';
import { readSegmentList, readTotals } from '../../dist/sqlite/segment-list.js';
import { MEMORIES_LAYOUT } from '../../dist/store/memories-table.js';
import rebuild from '../../dist/tasks/rebuild-fts-index.js';
import { handContext, runByHand } from '../support/memory-task.js';
import {
  connection,
  expectIndexMatchesRows,
  expectNoDebris,
  fill,
  ftsTable,
  temporaryPath,
} from '../support/memories.js';

const STOPPED = new Error('stopped');
// Words enough that an index of such texts has more pages than one transaction adds.
const LONG = {
  users: 1,
  contentOf: (n: number): string =>
    Array.from({ length: 260 }, (_, at) => word(n * 260 + at).padEnd(60, 'x')).join(' '),
};

function word(n: number): string {
  return `w${((n * 2_654_435_761) % 4_294_967_296).toString(36)}`;
}

function shadows(path: string): OpenTable {
  const db = openShadows(path);
  onTestFinished(() => void db.close());
  return { db, layout: MEMORIES_LAYOUT };
}

function other(db: Database): 'a' | 'b' {
  return otherIndex(currentIndex({ db, layout: MEMORIES_LAYOUT }));
}

function segments(db: Database, index: 'a' | 'b'): number[] {
  const block = db
    .prepare(`SELECT block FROM ${ftsTable(index)}_data WHERE id = 10`)
    .pluck()
    .get() as Buffer;
  return readSegmentList(block).levels.map((level) => level.segments.length);
}

/** By these FTS5 weighs how long a row is and how rare a word. */
function expectTotals(db: Database, table: string): void {
  const sizes = db.prepare(`SELECT sz FROM ${table}_docsize`).pluck().all() as Buffer[];
  const sums = [sizes.length, 0, 0];
  for (const [scope = 0, content = 0] of sizes.map(readTotals)) {
    sums[1] = (sums[1] ?? 0) + scope;
    sums[2] = (sums[2] ?? 0) + content;
  }
  expect(readTotals(db.prepare(`SELECT block FROM ${table}_data WHERE id = 1`).pluck().get() as Buffer)).toEqual(sums);
}

async function addAll(path: string, windows: readonly RowWindow[], check = (): void => {}): Promise<number> {
  const indexer = new RowIndexer(shadows(path), DEFAULT_TOKENIZER);
  const index = other(connection(path));
  const rows = indexer.index(windows, index, () => {});
  await indexer.addTo(index, check);
  return rows;
}

describe('an indexer of rows', () => {
  it('adds a large index in several transactions, and one that stopped between two of them is in nobody’s way', async () => {
    const path = temporaryPath();
    fill(path, 900, LONG);
    const db = connection(path);
    const windows = rowWindows({ db, layout: MEMORIES_LAYOUT }, { rows: { min: 100, max: 100 } });
    let checks = 0;
    const stopAtSecond = (): void => {
      if (++checks === 2) throw STOPPED;
    };
    await expect(addAll(path, windows, stopAtSecond)).rejects.toBe(STOPPED);
    const index = other(db);
    const count = (part: string): unknown =>
      db
        .prepare(`SELECT count(*) FROM ${ftsTable(index)}_${part}`)
        .pluck()
        .get();
    // Pages that no list names: to FTS5 the index is empty.
    expect(count('data')).toBeGreaterThan(1_000);
    expect([count('idx'), count('docsize'), segments(db, index)]).toEqual([0, 0, []]);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(await addAll(path, windows.slice(0, 1))).toBe(100);
    expect(count('docsize')).toBe(100);
    // What was left is gone.
    expect(count('data')).toBeLessThan(1_000);
    expect(await addAll(path, windows)).toBe(800);
    // One of the first window, and several of the others, whose words don't go into one.
    expect(segments(db, index)).toEqual([0, 0, 0, expect.toSatisfy((large: number) => large > 2)]);
    db.exec(`UPDATE memories_fts_state SET current = '${index}'`);
    expectIndexMatchesRows(path);
  });

  it('tells of each window before it, and stops where that throws', () => {
    const path = temporaryPath();
    fill(path, 500);
    const db = connection(path);
    const windows = rowWindows({ db, layout: MEMORIES_LAYOUT }, { rows: { min: 100, max: 100 } });
    const indexer = new RowIndexer(shadows(path), DEFAULT_TOKENIZER);
    const seen: number[] = [];
    const look = (at: number): void => {
      seen.push(at);
      if (at === 3) throw STOPPED;
    };
    expect(() => indexer.index(windows, other(db), look)).toThrow(STOPPED);
    expect(seen).toEqual([0, 1, 2, 3]);
  });
});

describe('an index of many segments', () => {
  it('is right whatever is changed and deleted in it, and however FTS5 merges it', async () => {
    const path = temporaryPath();
    fill(path, 3_000);
    const db = connection(path);
    // As many chunks as windows: one segment each, until they are merged.
    await runByHand(rebuild, {}, handContext({ path }), 1);
    const table = ftsTable(currentIndex({ db, layout: MEMORIES_LAYOUT }));
    const levels = segments(db, currentIndex({ db, layout: MEMORIES_LAYOUT }));
    expect(levels.reduce((sum, count) => sum + count)).toBeGreaterThan(5);
    expect(levels.reduce((sum, count) => sum + count)).toBeLessThan(20);
    expectIndexMatchesRows(path);
    expectNoDebris(path);
    expectTotals(db, table);
    db.exec('DELETE FROM memories WHERE id % 5 = 0');
    db.exec(`UPDATE memories SET content = content || ' anew' WHERE id % 7 = 0`);
    expectIndexMatchesRows(path);
    db.exec(`INSERT INTO ${table} (${table}, rank) VALUES ('merge', 20)`);
    expectIndexMatchesRows(path);
    db.exec(`INSERT INTO ${table} (${table}) VALUES ('optimize')`);
    expectIndexMatchesRows(path);
    expect(segments(db, currentIndex({ db, layout: MEMORIES_LAYOUT })).reduce((sum, count) => sum + count)).toBe(1);
  });

  it('is not merged within a single write', async () => {
    const path = temporaryPath();
    fill(path, 6_000, { users: 1, contentOf: (n) => `row${n} ${word(n)} ${word(n + 1)} ${word(n + 2)}` });
    const db = connection(path);
    await runByHand(rebuild, {}, handContext({ path }), 4);
    const index = currentIndex({ db, layout: MEMORIES_LAYOUT });
    const large = segments(db, index).at(-1);
    expect(large).toBe(8);
    const add = db.prepare(
      `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES ('user0', 0, 0, randomblob(16), ?)`,
    );
    for (let n = 0; n < 40; n++) add.run(`added ${n}`);
    expect(segments(db, index).at(-1)).toBe(large);
    expectIndexMatchesRows(path);
  });
});
