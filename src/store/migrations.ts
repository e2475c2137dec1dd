import type { Database } from 'better-sqlite3';
import type { OpenTable } from '../sqlite/open-table.js';
import { createTables, describeTables } from './schema.js';

/** A step of {@link STEPS}. */
export type MigrationStep = (open: OpenTable, tokenizer: string) => void;

/** Brings a database from version `index` to `index + 1`. Steps are only ever added, never changed. */
const STEPS: readonly MigrationStep[] = [createTables, describeTables];

/** The version of the schema that this code works on. */
export const SCHEMA_VERSION: number = STEPS.length;

/**
 * Brings the database up to date, step by step, in one transaction: two that open it at once don't both migrate. The
 * version is kept in a table of its own, so the file may be one that has other tables and a version for them.
 *
 * @throws Error when the store is newer than this code, or the database has a table `memories` that is not ours.
 */
export function migrate(open: OpenTable, tokenizer: string): void {
  const { db } = open;
  if (versionOf(db) === SCHEMA_VERSION) return;
  db.transaction(() => {
    const version = versionOf(db);
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The database ${db.name} has schema version ${version}, this Treadle knows up to ${SCHEMA_VERSION}: use a newer Treadle`,
      );
    }
    for (const step of STEPS.slice(version)) step(open, tokenizer);
    db.prepare('REPLACE INTO treadle_memories (one, version) VALUES (1, ?)').run(SCHEMA_VERSION);
  }).immediate();
}

/** 0 for a database without a store. */
function versionOf(db: Database): number {
  const names = db
    .prepare(`SELECT name FROM sqlite_schema WHERE name IN ('treadle_memories', 'memories', 'fts_state')`)
    .pluck()
    .all();
  if (names.includes('treadle_memories')) {
    return db.prepare('SELECT version FROM treadle_memories').pluck().get() as number;
  }
  if (!names.includes('memories')) return 0;
  // The first version had no table for it.
  if (names.includes('fts_state') && db.pragma('user_version', { simple: true }) === 1) return 1;
  throw new Error(`Expected ${db.name} to be a database of memories, got one with another table "memories"`);
}
