import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { createIndex, ftsCommand, ftsScope, mergeSegments } from './fts-index.js';
import type { IdWindow } from './id-windows.js';

/** The name of the FTS5 table in a side file. */
export const SIDE_TABLE = 'entries';

const SUFFIX = '-fts-';

// Pages of one step of merging: some 15 ms.
const MERGE_PAGES = 250;
// Merging writes so many of the pages that it reads; words of several segments share their space.
const KEPT_PAGES = 0.75;

/**
 * A full-text index that is being built, in a file of its own beside the store. Indexing takes nearly all the time of a
 * rebuild, and here it takes no lock on the store: writers go on as if nothing happened.
 *
 * The file is thrown away after a crash, so it needs no journal on disk and no syncing.
 */
export class SideIndex {
  readonly #db: Database.Database;

  /** Makes the file for `build`, instead of any that was there. */
  static create(storePath: string, build: string): SideIndex {
    const path = sideIndexPath(storePath, build);
    rmSync(path, { force: true });
    const db = new Database(path);
    createIndex(db, SIDE_TABLE);
    // Segments pile up and are merged once, at the end; in a very large index 64 at a time, as they come. The defaults,
    // made for an index that is searched all the while, would merge each row again and again.
    for (const [name, value] of Object.entries({ automerge: 64, crisismerge: 512, hashsize: 16 << 20 })) {
      ftsCommand(db, SIDE_TABLE, name, value);
    }
    return new SideIndex(db, storePath);
  }

  /** @throws Error when there is no file for `build`. */
  static open(storePath: string, build: string): SideIndex {
    return new SideIndex(new Database(sideIndexPath(storePath, build), { fileMustExist: true }), storePath);
  }

  private constructor(db: Database.Database, storePath: string) {
    this.#db = db;
    // A rollback must work when a thread ends in the middle; a crash of the process may leave anything.
    db.pragma('journal_mode = MEMORY');
    db.pragma('synchronous = OFF');
    db.prepare('ATTACH ? AS store').run(storePath);
  }

  /**
   * Indexes the rows of a window that the index does not have yet, and returns how many those were. Call it in
   * {@link transaction}.
   */
  fill({ after, upTo }: IdWindow): number {
    return this.#db
      .prepare(
        `INSERT INTO ${SIDE_TABLE} (rowid, scope, content)
         SELECT m.id, ${ftsScope('m')}, m.content FROM store.memories m
         WHERE m.id > ? AND m.id <= ? AND NOT EXISTS (SELECT 1 FROM ${SIDE_TABLE}_docsize d WHERE d.id = m.id)
         ORDER BY m.id`,
      )
      .run(after, upTo).changes;
  }

  /** Deferred on purpose: an immediate transaction would lock the attached store too. */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work).deferred();
  }

  /** Does one of `shares` about equal shares of the merging that is left when it is first called. */
  mergeShare(shares: number): void {
    const pages = this.#db.prepare(`SELECT count(*) FROM ${SIDE_TABLE}_data`).pluck();
    // A number that the file keeps, as the shares may be done on different threads.
    if (this.#db.pragma('user_version', { simple: true }) === 0)
      this.#db.pragma(`user_version = ${pages.get() as number}`);
    const first = this.#db.pragma('user_version', { simple: true }) as number;
    this.merge(Math.ceil((first * KEPT_PAGES) / shares));
  }

  /** Merges until so many pages are written; false when there is nothing left to merge. */
  merge(pages: number = MERGE_PAGES): boolean {
    return mergeSegments(this.#db, SIDE_TABLE, pages);
  }

  count(): number {
    return this.#db.prepare(`SELECT count(*) FROM ${SIDE_TABLE}_docsize`).pluck().get() as number;
  }

  close(): void {
    this.#db.close();
  }
}

/** Where the side file of `build` is: beside the store. */
export function sideIndexPath(storePath: string, build: string): string {
  return storePath + SUFFIX + createHash('sha256').update(build).digest('hex').slice(0, 16);
}

/** Removes the side file of `build`, or all that are there. */
export function removeSideIndexes(storePath: string, build?: string): void {
  for (const path of build === undefined ? sideIndexes(storePath) : [sideIndexPath(storePath, build)]) {
    try {
      rmSync(path, { force: true });
    } catch {
      // Where an open file can't be removed, a superseded build may still have it: the next rebuild tries again.
    }
  }
}

/** The side files that are there. */
export function sideIndexes(storePath: string): string[] {
  const folder = dirname(storePath);
  const prefix = basename(storePath) + SUFFIX;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && /^[\da-f]{16}$/.test(name.slice(prefix.length)))
    .map((name) => join(folder, name));
}
