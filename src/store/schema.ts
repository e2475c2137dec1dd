import { createIndex } from '../sqlite/fts-index.js';
import { quoteName } from '../sqlite/identifier.js';
import { INDEXES } from '../sqlite/layout.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { createVectorState } from '../sqlite/side-tables.js';
import { createTallies } from '../sqlite/tally.js';
import { createTriggers } from '../sqlite/triggers.js';

// `content` is the last column, so that the others are read without its overflow pages. AUTOINCREMENT, because an id
// that a caller still holds must never come to mean another user's memory.
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

/** Version 1: the memories, their vectors and two full-text indexes. */
export function createTables({ db, layout }: OpenTable, tokenizer: string): void {
  db.exec(TABLES);
  for (const index of INDEXES) createIndex(db, layout.fts(index), layout.width, tokenizer);
  // Its triggers came to be those of version 2.
}

/**
 * Version 2: what stands beside the memories has the names and triggers that any described table has, and the model in
 * use is known. What a task stored is counted elsewhere than in the rows; `task_id` and `task_item` stay, unused, because
 * SQLite would write every row anew to drop them.
 */
export function describeTables(open: OpenTable): void {
  const { db, layout } = open;
  const triggers = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'memories'`);
  for (const name of triggers.pluck().all() as string[]) db.exec(`DROP TRIGGER ${quoteName(name)}`);
  db.exec(`
    ALTER TABLE fts_state RENAME TO ${layout.ftsState};
    ALTER TABLE ${layout.ftsState} ADD COLUMN complete INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE ${layout.ftsState} ADD COLUMN copied_rows INTEGER;
    ALTER TABLE fts_changes RENAME TO ${layout.ftsChanges};
    ALTER TABLE ${layout.ftsChanges} RENAME COLUMN memory_id TO row_id;
    ALTER TABLE vectors RENAME COLUMN memory_id TO row_id;
    CREATE INDEX memories_by_expiry ON memories (expires_at) WHERE expires_at IS NOT NULL`);
  // So that the first version of this code takes it for what it is, newer.
  if (db.pragma('user_version', { simple: true }) === 1) db.pragma('user_version = 2');
  db.exec('CREATE TABLE treadle_memories (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT');
  createTallies(db);
  createVectorState(open);
  const models = db.prepare('SELECT DISTINCT model FROM vectors').pluck().all() as string[];
  if (models.length === 1) db.prepare(`INSERT INTO ${layout.models} (scope, model) VALUES ('*', ?)`).run(models[0]);
  // Of several, the embedder that comes first decides: nobody else knows which one is meant, and so which rows lack it.
  const lacking = models.length > 1 ? '1' : 'NOT EXISTS (SELECT 1 FROM vectors WHERE row_id = memories.id)';
  db.exec(`INSERT INTO ${layout.pending} (row_id) SELECT id FROM memories WHERE ${lacking}`);
  createTriggers(open);
}
