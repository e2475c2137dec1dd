import { openConnection } from '../sqlite/connection.js';
import { DEFAULT_TOKENIZER } from '../sqlite/fts-index.js';
import { Layout } from '../sqlite/layout.js';
import type { OpenTable } from '../sqlite/open-table.js';
import { MEMORIES, MEMORY_COLUMNS } from './memory.js';
import { migrate } from './migrations.js';

/** {@link MEMORIES} as SQL. */
export const MEMORIES_LAYOUT: Layout = new Layout(MEMORIES, false, {
  userIndex: 'memories_by_user',
  hitColumns: MEMORY_COLUMNS,
});

/**
 * Opens a database of memories, and makes or migrates it where needed.
 *
 * @param tokenizer of the full-text index where the database is made now
 * @throws Error when the file can't be opened, is no database, or is newer than this code.
 */
export function openMemories(path: string, tokenizer: string = DEFAULT_TOKENIZER): OpenTable {
  const db = openConnection(path);
  try {
    const open = { db, layout: MEMORIES_LAYOUT };
    migrate(open, tokenizer);
    return open;
  } catch (error) {
    db.close();
    throw error;
  }
}
