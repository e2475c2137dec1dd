import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { type Store, type StoreOptions, openStore } from 'treadle/store';
import { expect, onTestFinished } from 'vitest';
import { currentIndex as currentIndexOf, otherIndex } from '../../dist/sqlite/fts-index.js';
import { beginBuild as beginBuildOf } from '../../dist/sqlite/index-build.js';
import type { IndexName } from '../../dist/sqlite/layout.js';
import { type RowWindow, rowWindows } from '../../dist/sqlite/row-windows.js';
import { MEMORIES_LAYOUT, openMemories } from '../../dist/store/memories-table.js';
import { contentHash } from '../../dist/store/memory.js';
import { expectSound } from './sound-table.js';

/** The path of a database that is not there yet, in a folder that goes when the test ends. */
export function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-memories-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "it's.db");
}

/** A store that is closed when the test ends. */
export function temporaryStore(options: Partial<StoreOptions> = {}): Store & { path: string } {
  const path = options.path ?? temporaryPath();
  const store = openStore({ ...options, path });
  onTestFinished(() => store.close());
  return Object.assign(store, { path });
}

/** A connection as threads have it, closed when the test ends. */
export function connection(path: string): Database.Database {
  const { db } = openMemories(path);
  onTestFinished(() => void db.close());
  return db;
}

/** The index that answers. */
export function currentIndex(db: Database.Database): IndexName {
  return currentIndexOf({ db, layout: MEMORIES_LAYOUT });
}

export function ftsTable(index: IndexName): string {
  return MEMORIES_LAYOUT.ftsName(index);
}

export function idWindows(
  db: Database.Database,
  rows: { min: number; max: number },
  userId: string | null,
): RowWindow[] {
  return rowWindows({ db, layout: MEMORIES_LAYOUT }, { rows, userId });
}

export function beginBuild(db: Database.Database, build: string): void {
  beginBuildOf({ db, layout: MEMORIES_LAYOUT }, build);
}

/** How many rows the index has that does not answer, or that is being built. */
export function entriesOfOther(db: Database.Database): number {
  const other = ftsTable(otherIndex(currentIndex(db)));
  return db.prepare(`SELECT count(*) FROM ${other}_docsize`).pluck().get() as number;
}

/** Adds `count` rows at once, of `users` users in turn; `contentOf` gives the text of a row by its number from 0. */
export function fill(
  path: string,
  count: number,
  { users = 3, contentOf = (n: number): string => `row${n} about subject${n % 7}` } = {},
): void {
  const { db } = openMemories(path);
  const insert = db.prepare(
    `INSERT INTO memories (user_id, importance, created_at, content_hash, content) VALUES (?, 0.5, 0, ?, ?)`,
  );
  const rows = db.transaction(() => {
    for (let n = 0; n < count; n++) {
      const content = contentOf(n);
      insert.run(`user${n % users}`, contentHash(content), content);
    }
  });
  rows.immediate();
  db.close();
}

/** Expects that the index that answers holds exactly the words of the rows, and no vector is without its row. */
export function expectIndexMatchesRows(path: string): void {
  const open = openMemories(path);
  try {
    expectSound(open);
  } finally {
    open.db.close();
  }
}

/** Expects that nothing of any rebuild is left: no file of its own, no entry in the other index, no list of changes. */
export function expectNoDebris(path: string): void {
  const base = basename(path);
  const files = readdirSync(dirname(path)).filter((file) => file.startsWith(base));
  expect([base, `${base}-shm`, `${base}-wal`]).toEqual(expect.arrayContaining(files));
  const { db } = openMemories(path);
  try {
    expect(db.prepare('SELECT build FROM memories_fts_state').pluck().get()).toBeNull();
    expect(db.prepare('SELECT count(*) FROM memories_fts_changes').pluck().get()).toBe(0);
    const other = ftsTable(otherIndex(currentIndex(db)));
    const sizes = ['data', 'idx', 'docsize'].map((part) =>
      db.prepare(`SELECT count(*) FROM ${other}_${part}`).pluck().get(),
    );
    // The averages and the list of segments are all that an empty index has.
    expect(sizes).toEqual([2, 0, 0]);
    for (const table of [ftsTable('a'), ftsTable('b')]) {
      const settings = db.prepare(`SELECT k, v FROM ${table}_config WHERE k <> 'version'`).raw().all() as [
        string,
        number,
      ][];
      const usual: Record<string, number> = { automerge: 4, crisismerge: 16, deletemerge: 10, usermerge: 4 };
      for (const [name, value] of settings) expect([name, value]).toEqual([name, usual[name]]);
    }
  } finally {
    db.close();
  }
}
