import Database from 'better-sqlite3';
import { migrate } from './migrations.js';

/** How long a statement waits for another writer. Milliseconds. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens a database of memories, and makes or migrates it where needed. Several threads and processes may have it open
 * at once. Write only in IMMEDIATE transactions: a deferred one that reads first fails at once when another connection
 * has written meanwhile, whatever the timeout.
 *
 * @throws Error when the file can't be opened, is no database, or is newer than this code.
 */
export function openConnection(path: string): Database.Database {
  const db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    useWal(db);
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

// Changing the journal mode takes an exclusive lock and does not always wait for it. Once it is WAL it stays so.
function useWal(db: Database.Database): void {
  const deadline = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      db.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
