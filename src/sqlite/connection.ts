import Database from 'better-sqlite3';

/** How long a statement waits for another writer. Milliseconds. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens a database in WAL mode, in which readers and a writer don't wait for each other. Several threads and processes
 * may have it open at once. Write only in IMMEDIATE transactions: a deferred one that reads first fails at once when
 * another connection has written meanwhile, whatever the timeout.
 *
 * @throws Error that names the file, when it can't be opened or is no database; `code` is SQLite's, where it has one.
 */
export function openConnection(path: string, { mustExist = false }: { mustExist?: boolean } = {}): Database.Database {
  let db: Database.Database | null = null;
  try {
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS, fileMustExist: mustExist });
    useWal(db);
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    return db;
  } catch (error) {
    db?.close();
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, cause: unknown): Error {
  const { message, code } = cause as Error & { code?: string };
  const error = new Error(`Expected ${path} to be a database that can be opened and written, got: ${message}`, {
    cause,
  });
  return code === undefined ? error : Object.assign(error, { code });
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
