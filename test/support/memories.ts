import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Store, type StoreOptions, openStore } from 'treadle/store';
import { expect, onTestFinished } from 'vitest';
import { openConnection } from '../../dist/store/connection.js';
import { createIndex, currentIndex, ftsScope, ftsTable, otherIndex } from '../../dist/store/fts-index.js';
import { contentHash } from '../../dist/store/memory.js';
import { sideIndexes } from '../../dist/store/side-index.js';

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
  const db = openConnection(path);
  onTestFinished(() => void db.close());
  return db;
}

/** Adds `count` rows at once, of `users` users in turn; `contentOf` gives the text of a row by its number from 0. */
export function fill(
  path: string,
  count: number,
  { users = 3, contentOf = (n: number): string => `row${n} about subject${n % 7}` } = {},
): void {
  const db = openConnection(path);
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

/**
 * Expects that the index that answers holds exactly the words of the rows: each once, at its place, and no other. It is
 * compared with an index made from the rows anew, word by word.
 */
export function expectIndexMatchesRows(path: string): void {
  const db = openConnection(path);
  try {
    const table = ftsTable(currentIndex(db));
    db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.pragma('temp_store = MEMORY');
    createIndex(db, 'temp.expected');
    db.exec(
      `INSERT INTO temp.expected (rowid, scope, content) SELECT m.id, ${ftsScope('m')}, m.content FROM memories m`,
    );
    db.exec(`CREATE VIRTUAL TABLE temp.expected_words USING fts5vocab('temp', 'expected', 'instance')`);
    db.exec(`CREATE VIRTUAL TABLE temp.found_words USING fts5vocab('main', '${table}', 'instance')`);
    const words = (vocab: string): unknown =>
      db
        .prepare(
          `SELECT count(*), group_concat(term || doc || col || offset, ' ' ORDER BY doc, col, offset) FROM temp.${vocab}`,
        )
        .raw()
        .get();
    const [expected, found] = [words('expected_words'), words('found_words')] as [number, string][];
    expect(found?.[0]).toBe(expected?.[0]);
    // Not `toBe`: a difference of megabytes is of no use to anybody.
    expect(found?.[1] === expected?.[1]).toBe(true);
    const ids = (from: string): unknown => db.prepare(`SELECT count(*), sum(id) FROM ${from}`).raw().get();
    expect(ids(`${table}_docsize`)).toEqual(ids('memories'));
  } finally {
    db.close();
  }
}

/** Expects that nothing of any rebuild is left: no file, no entry in the other index, no list of changes. */
export function expectNoDebris(path: string): void {
  expect(sideIndexes(path)).toEqual([]);
  const db = openConnection(path);
  try {
    expect(db.prepare('SELECT build FROM fts_state').pluck().get()).toBeNull();
    expect(db.prepare('SELECT count(*) FROM fts_changes').pluck().get()).toBe(0);
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
