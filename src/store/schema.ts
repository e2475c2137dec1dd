import type { Database } from 'better-sqlite3';
import { INDEXES, createIndex, ftsScope, ftsTable } from './fts-index.js';

// `content` is the last column, so that the others are read without its overflow pages. AUTOINCREMENT, because an id
// that a caller still holds must never come to mean another user's memory. `task_id` and `task_item` say which item of
// which task stored the row: a chunk that runs again knows its own rows by them.
const TABLES = `
  CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    namespace TEXT NOT NULL DEFAULT 'default',
    importance REAL NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    content_hash BLOB NOT NULL,
    task_id TEXT,
    task_item INTEGER,
    content TEXT NOT NULL,
    UNIQUE (user_id, namespace, content_hash)
  ) STRICT;
  CREATE INDEX memories_by_user ON memories (user_id);

  CREATE TABLE vectors (
    memory_id INTEGER NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (memory_id, model)
  ) STRICT;

  CREATE TABLE fts_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    current TEXT NOT NULL CHECK (current IN ('a', 'b')),
    build TEXT,
    last_build TEXT,
    last_rows INTEGER,
    last_replayed INTEGER
  ) STRICT;
  INSERT INTO fts_state (one, current) VALUES (1, 'a');

  CREATE TABLE fts_changes (memory_id INTEGER PRIMARY KEY) STRICT;
`;

/**
 * Version 1. `vectors` has row ids although its key is (memory, model): in a WITHOUT ROWID table a vector of more than
 * 1 kB goes to an overflow page of its own, which made the file 2.2 times as large at 384 dimensions.
 *
 * There are two full-text indexes, and `fts_state.current` names the one that answers. Ordinary writes go to that one;
 * while the other is being built (`fts_state.build`) they also leave the row's id in `fts_changes`. Where the building
 * process was killed they go on doing so until the next rebuild.
 */
export function createTables(db: Database): void {
  db.exec(TABLES);
  for (const index of INDEXES) {
    const table = ftsTable(index);
    createIndex(db, table);
    const when = `WHEN (SELECT current FROM fts_state) = '${index}'`;
    const insert = `INSERT INTO ${table} (rowid, scope, content) VALUES (new.id, ${ftsScope('new')}, new.content);`;
    const remove = `DELETE FROM ${table} WHERE rowid = old.id;`;
    trigger(db, `${table}_insert`, 'INSERT', when, insert);
    trigger(db, `${table}_delete`, 'DELETE', when, remove);
    trigger(db, `${table}_update`, 'UPDATE OF id, user_id, namespace, content', when, remove + insert);
  }
  const building = 'WHEN (SELECT build FROM fts_state) IS NOT NULL';
  const log = (row: string): string => `INSERT OR IGNORE INTO fts_changes (memory_id) VALUES (${row}.id);`;
  trigger(db, 'fts_changes_insert', 'INSERT', building, log('new'));
  trigger(db, 'fts_changes_delete', 'DELETE', building, log('old'));
  trigger(db, 'fts_changes_update', 'UPDATE OF id, user_id, namespace, content', building, log('old') + log('new'));
}

function trigger(db: Database, name: string, event: string, when: string, body: string): void {
  db.exec(`CREATE TRIGGER ${name} AFTER ${event} ON memories ${when} BEGIN ${body} END`);
}
