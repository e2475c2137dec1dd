import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';

/** Keeps everybody else from writing, so that a task stays in progress until the function that this returns is called. */
export function lock(path: string): () => void {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.exec('BEGIN IMMEDIATE');
  return () => void db.exec('ROLLBACK');
}
