import Database from 'better-sqlite3';
import { type SqliteSearch, type SqliteSearchOptions, openSearch } from 'treadle/store';
import { expect, onTestFinished } from 'vitest';
import { type Embedder, embedTexts } from '../../dist/embedders/embedder.js';
import type { BatchDefinition } from '../../dist/engine/define-task.js';
import type { OpenTable } from '../../dist/sqlite/open-table.js';
import { openOwnTable } from '../../dist/sqlite/own-table.js';
import type { SqliteTable } from '../../dist/sqlite/sqlite-table.js';
import type { TableData } from '../../dist/tasks/table-data.js';
import { temporaryPath } from './memories.js';
import { type ContextHooks, handContext, runByHand } from './memory-task.js';
import { expectSound } from './sound-table.js';

/** A database that `sql` makes, and a connection as an application has it; both go when the test ends. */
export function databaseOf(sql: string): { path: string; db: Database.Database } {
  const path = temporaryPath();
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.exec(sql);
  return { path, db };
}

/** A table as threads have it, closed when the test ends; what is kept beside it is made. */
export function openTable(path: string, table: SqliteTable, tokenizer?: string): OpenTable {
  const open = openOwnTable(path, table, tokenizer);
  onTestFinished(() => void open.db.close());
  return open;
}

/** A search that is closed when the test ends. */
export function searchOf(options: SqliteSearchOptions): SqliteSearch {
  const search = openSearch(options);
  onTestFinished(() => search.close());
  return search;
}

/** Runs a task's steps in this process. */
export function runOn<Input, Item, Result>(
  task: BatchDefinition<Input, Item, Result, TableData, true>,
  input: Input,
  data: TableData,
  hooks: ContextHooks = {},
): Promise<Result> {
  return runByHand(task, input, handContext(data, hooks));
}

/** Expects that a table and all that is kept beside it are sound. */
export function expectSoundTable(path: string, table: SqliteTable, tokenizer?: string): void {
  const open = openOwnTable(path, table, tokenizer);
  try {
    expectSound(open);
  } finally {
    open.db.close();
  }
}

/** Expects that each vector of the embedder's model is that of its row's texts as they are now. Returns how many those are. */
export async function expectFreshVectors(path: string, table: SqliteTable, embedder: Embedder): Promise<number> {
  const { db, layout } = openTable(path, table);
  const rows = db
    .prepare(
      `SELECT v.vector, ${layout.texts('m').join(', ')}
       FROM ${layout.vectors} v CROSS JOIN ${layout.byNumber('v.row_id')} WHERE v.model = ?`,
    )
    .raw()
    .all(embedder.name) as [Buffer, ...(string | number | null)[]][];
  const texts = rows.map(([, ...columns]) => columns.filter((column) => column !== null).join('\n'));
  const expected = await embedTexts(embedder, texts);
  const stale = rows.filter(([vector], at) => {
    const own = expected.subarray(at * embedder.dimensions, (at + 1) * embedder.dimensions);
    return Buffer.compare(vector, Buffer.from(own.buffer, own.byteOffset, own.byteLength)) !== 0;
  });
  expect(stale.map(([, ...columns]) => columns)).toEqual([]);
  return rows.length;
}
