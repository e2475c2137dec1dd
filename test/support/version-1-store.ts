import Database from 'better-sqlite3';
import { contentHash } from '../../dist/store/memory.js';

const TABLES = `
  CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, namespace TEXT NOT NULL DEFAULT 'default',
    importance REAL NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, content_hash BLOB NOT NULL,
    task_id TEXT, task_item INTEGER, content TEXT NOT NULL, UNIQUE (user_id, namespace, content_hash)
  ) STRICT;
  CREATE INDEX memories_by_user ON memories (user_id);
  CREATE TABLE vectors (
    memory_id INTEGER NOT NULL REFERENCES memories (id) ON DELETE CASCADE, model TEXT NOT NULL, vector BLOB NOT NULL,
    UNIQUE (memory_id, model)
  ) STRICT;
  CREATE TABLE fts_state (
    one INTEGER PRIMARY KEY CHECK (one = 1), current TEXT NOT NULL CHECK (current IN ('a', 'b')), build TEXT,
    last_build TEXT, last_rows INTEGER, last_replayed INTEGER
  ) STRICT;
  INSERT INTO fts_state (one, current) VALUES (1, 'a');
  CREATE TABLE fts_changes (memory_id INTEGER PRIMARY KEY) STRICT;`;

const SCOPE = `'u' || hex(new.user_id) || '0 ' || 'u' || hex(new.user_id) || 'n' || hex(new.namespace) || '0'`;

/** Makes a store as the first version of its schema had it, with `count` memories of ada; the last has no vector. */
export function createVersion1Store(path: string, count: number, vector: { model: string; blob: Buffer }): void {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(TABLES);
  for (const index of ['a', 'b']) {
    db.exec(`CREATE VIRTUAL TABLE memories_fts_${index} USING fts5(
      scope, content, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2')`);
    db.exec(`CREATE TRIGGER memories_fts_${index}_insert AFTER INSERT ON memories
      WHEN (SELECT current FROM fts_state) = '${index}'
      BEGIN INSERT INTO memories_fts_${index} (rowid, scope, content) VALUES (new.id, ${SCOPE}, new.content); END`);
  }
  const insert = db.prepare(
    `INSERT INTO memories (user_id, importance, created_at, content_hash, task_id, task_item, content)
     VALUES ('ada', 0.5, 0, ?, 'task', ?, ?)`,
  );
  const insertVector = db.prepare('INSERT INTO vectors (memory_id, model, vector) VALUES (?, ?, ?)');
  for (let n = 0; n < count; n++) {
    const content = `old text number${n}`;
    const { lastInsertRowid } = insert.run(contentHash(content), n, content);
    if (n < count - 1) insertVector.run(lastInsertRowid, vector.model, vector.blob);
  }
  db.pragma('user_version = 1');
  db.close();
}
