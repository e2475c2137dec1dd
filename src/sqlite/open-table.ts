import type { Database } from 'better-sqlite3';
import type { Layout } from './layout.js';

/** A connection, and the table that is worked on. */
export interface OpenTable {
  readonly db: Database;
  readonly layout: Layout;
}
