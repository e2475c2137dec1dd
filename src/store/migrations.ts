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
 * Brings the database up to date, step by step, in one transaction: two that open it at once don't both migrate.
 *
 * @throws Error when the database is newer than this code.
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
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  }).immediate();
}

function versionOf(db: Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}
