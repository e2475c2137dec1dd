import { sep } from 'node:path';
import Database from 'better-sqlite3';
import { openSearch } from 'treadle/store';
import { keyOf } from './passages.js';

/** The table below, as Treadle is told about it: what is searched for words, and what is embedded. */
export const PASSAGES = {
  table: 'passages',
  id: 'id',
  content: ['heading', 'body'],
  fts: 'passages_fts',
  vectors: 'passages_vectors',
};

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY,
    file TEXT NOT NULL,
    heading TEXT NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS passages_file ON passages (file)`;

/** The passages of all files, in a table of ours. Files have absolute paths. */
export class PassageTable {
  #db;
  #ofFile;
  #files;
  #insert;
  #delete;

  /** @param {string} path of the database file, which is made where there is none */
  constructor(path) {
    this.#db = new Database(path, { timeout: 5_000 });
    this.#db.exec(SCHEMA);
    // Makes the index and the triggers beside the table, so that a passage can be found from the moment it is stored. Had
    // there been rows before, `rebuild_fts_index` would have to run once.
    openSearch({ path, ...PASSAGES }).close();
    this.#ofFile = this.#db.prepare('SELECT id, heading, body FROM passages WHERE file = ?');
    this.#files = this.#db.prepare('SELECT DISTINCT file FROM passages WHERE file >= ? AND file < ?').pluck();
    this.#insert = this.#db.prepare('INSERT INTO passages (file, heading, body) VALUES (?, ?, ?)');
    this.#delete = this.#db.prepare('DELETE FROM passages WHERE id = ?');
  }

  /**
   * Makes `passages` what is stored of a file; rows of passages that are still there are not touched, and keep their
   * vectors.
   *
   * @param {string} file
   * @param {readonly import('./passages.js').Passage[]} passages
   */
  replace(file, passages) {
    const gone = new Map(this.#ofFile.all(file).map((row) => [keyOf(row), row.id]));
    const added = passages.filter((passage) => !gone.delete(keyOf(passage)));
    if (added.length > 0 || gone.size > 0) {
      this.#transaction(() => {
        for (const id of gone.values()) this.#delete.run(id);
        for (const { heading, body } of added) this.#insert.run(file, heading, body);
      });
    }
    return { added: added.length, removed: gone.size };
  }

  /** The files in a folder, and in those in it, of which something is stored. @param {string} folder */
  filesIn(folder) {
    const from = folder.endsWith(sep) ? folder : folder + sep;
    // Of all that begins with it, nothing comes after this.
    return this.#files.all(from, `${from}\u{10FFFF}`);
  }

  close() {
    this.#db.close();
  }

  #transaction(work) {
    this.#db.transaction(work).immediate();
  }
}
