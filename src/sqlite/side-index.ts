import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { createIndex, ftsCommand, mergeSegments } from './fts-index.js';
import type { Layout } from './layout.js';
import type { RowWindow } from './row-windows.js';

/** The name of the FTS5 table in a side file. */
export const SIDE_TABLE = 'entries';

// Pages of one step of merging: some 15 ms.
const MERGE_PAGES = 250;
// Merging writes so many of the pages that it reads; words of several segments share their space.
const KEPT_PAGES = 0.75;

/** Which index a side file is for. */
export interface SideIndexPlace {
  /** The database, as an absolute path. */
  readonly path: string;
  readonly layout: Layout;
  /** What the build is called. */
  readonly build: string;
}

/**
 * A full-text index that is being built, in a file of its own beside the database. Indexing takes nearly all the time of
 * a rebuild, and here it takes no lock on the database: writers go on as if nothing happened.
 *
 * The file is thrown away after a crash, so it needs no journal on disk and no syncing.
 */
export class SideIndex {
  readonly #db: Database.Database;
  readonly #layout: Layout;

  /** Makes the file, instead of any that was there. */
  static create(place: SideIndexPlace, tokenizer: string): SideIndex {
    const path = sideIndexPath(place);
    rmSync(path, { force: true });
    const db = new Database(path);
    createIndex(db, SIDE_TABLE, place.layout.width, tokenizer);
    // Segments pile up and are merged once, at the end; in a very large index 64 at a time, as they come. The defaults,
    // made for an index that is searched all the while, would merge each row again and again.
    for (const [name, value] of Object.entries({ automerge: 64, crisismerge: 512, hashsize: 16 << 20 })) {
      ftsCommand(db, SIDE_TABLE, name, value);
    }
    return new SideIndex(db, place);
  }

  /** @throws Error when there is no such file. */
  static open(place: SideIndexPlace): SideIndex {
    return new SideIndex(new Database(sideIndexPath(place), { fileMustExist: true }), place);
  }

  private constructor(db: Database.Database, { path, layout }: SideIndexPlace) {
    this.#db = db;
    this.#layout = layout;
    // A rollback must work when a thread ends in the middle; a crash of the process may leave anything.
    db.pragma('journal_mode = MEMORY');
    db.pragma('synchronous = OFF');
    db.prepare('ATTACH ? AS source').run(path);
  }

  /**
   * Indexes the rows of a window that the index does not have yet, and returns how many those were. Call it in
   * {@link transaction}.
   */
  fill({ after, upTo }: RowWindow): number {
    const { number, entry, entryColumns } = this.#layout;
    return this.#db
      .prepare(
        `INSERT INTO ${SIDE_TABLE} (${entryColumns})
         SELECT ${entry} FROM ${this.#layout.fromByNumber('source')}
         WHERE ${number} > ? AND ${number} <= ?
           AND NOT EXISTS (SELECT 1 FROM ${SIDE_TABLE}_docsize d WHERE d.id = ${number})
         ORDER BY ${number}`,
      )
      .run(after, upTo).changes;
  }

  /** Deferred on purpose: an immediate transaction would lock the attached database too. */
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

/** Where a side file is: beside the database. */
export function sideIndexPath({ path, layout, build }: SideIndexPlace): string {
  return prefixOf(path, layout) + digest(build, 16);
}

/** Removes the side files of all builds of an index, or of one. */
export function removeSideIndexes(path: string, layout: Layout, build?: string): void {
  const files = build === undefined ? sideIndexes(path, layout) : [sideIndexPath({ path, layout, build })];
  for (const file of files) {
    try {
      rmSync(file, { force: true });
    } catch {
      // Where an open file can't be removed, a superseded build may still have it: the next rebuild tries again.
    }
  }
}

/** The side files of an index that are there. */
export function sideIndexes(path: string, layout: Layout): string[] {
  const folder = dirname(path);
  const prefix = basename(prefixOf(path, layout));
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && /^[\da-f]{16}$/.test(name.slice(prefix.length)))
    .map((name) => join(folder, name));
}

function prefixOf(path: string, layout: Layout): string {
  return `${path}-fts-${digest(layout.base, 8)}-`;
}

function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
