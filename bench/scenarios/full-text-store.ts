import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { type MemoryTasks, memoryTasks } from 'treadle/tasks';
import { THREADS } from '../runner/threads.js';

// The columns that the store indexes, as a table of SQLite's own kind can read them: its `rebuild` needs the rows.
const OWN_INDEX = `
  CREATE VIEW own_rows AS SELECT id, content,
    'u' || hex(user_id) || '0 ' || 'u' || hex(user_id) || 'n' || hex(namespace) || '0' AS scope FROM memories;
  CREATE VIRTUAL TABLE own USING fts5(
    scope, content, content = 'own_rows', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2')`;

/** A store of memories in a folder of its own, and beside the store's index one that SQLite rebuilds itself. */
export class FullTextStore implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'treadle-bench-'));
  readonly path: string = join(this.folder, 'memories.db');
  /** Each has all passages. */
  readonly userIds: readonly string[] = ['ada', 'grace'];
  readonly queries: readonly string[];
  readonly #manager: TaskManager<{ [Name in keyof MemoryTasks]: MemoryTasks[Name] }>;
  #db: Database.Database | null = null;

  constructor(passages: readonly string[]) {
    this.#manager = new TaskManager({ types: { ...memoryTasks({ path: this.path }) }, threads: { max: THREADS } });
    this.queries = queriesFrom(passages);
  }

  /** Stores the passages for each user with `embed_batch`, and builds both indexes once. Resolves to the number of rows. */
  async addTexts(passages: readonly string[]): Promise<number> {
    await this.#manager.ready();
    for (const userId of this.userIds) {
      const task = await this.#manager.submit('embed_batch', { input: { userId, contents: [...passages] } });
      assert.deepEqual(await task.result(), { stored: passages.length, skipped: 0 });
    }
    const db = new Database(this.path, { timeout: 60_000 });
    db.pragma('synchronous = NORMAL');
    db.exec(OWN_INDEX);
    this.#db = db;
    await this.rebuildOnline();
    await this.rebuildBySqlite();
    return this.#rows();
  }

  /** `rebuild_fts_index`. Resolves to the milliseconds from `submit` to the result. */
  async rebuildOnline(): Promise<number> {
    this.#open.pragma('wal_checkpoint(TRUNCATE)');
    const before = this.#rows();
    const startedAt = performance.now();
    const task = await this.#manager.submit('rebuild_fts_index', { input: {} });
    const { rows } = await task.result();
    const ms = performance.now() - startedAt;
    assert.ok(rows >= before, `${rows} rows were indexed of ${before}`);
    return ms;
  }

  /** SQLite's own command, on this thread. Resolves to the milliseconds that it took. */
  rebuildBySqlite(): Promise<number> {
    this.#open.pragma('wal_checkpoint(TRUNCATE)');
    const startedAt = performance.now();
    this.#open.exec(`INSERT INTO own (own) VALUES ('rebuild')`);
    return Promise.resolve(performance.now() - startedAt);
  }

  /** Every row has its entry in the store's index, none has an entry without a row. @throws AssertionError */
  checkComplete(): void {
    const entries = `${this.#current()}_docsize`;
    const count = (sql: string): number => this.#open.prepare(sql).pluck().get() as number;
    assert.equal(count(`SELECT count(*) FROM memories m WHERE m.id NOT IN (SELECT id FROM ${entries})`), 0);
    assert.equal(count(`SELECT count(*) FROM ${entries} e WHERE e.id NOT IN (SELECT id FROM memories)`), 0);
  }

  /** Both indexes have the same words, each in as many rows and as often. Only while nothing was written since. */
  checkSame(): void {
    const db = this.#open;
    db.exec(`CREATE VIRTUAL TABLE temp.words_own USING fts5vocab(main, own, row)`);
    db.exec(`CREATE VIRTUAL TABLE temp.words_store USING fts5vocab(main, ${this.#current()}, row)`);
    const words = (table: string): unknown[] => db.prepare(`SELECT term, doc, cnt FROM temp.${table}`).raw().all();
    const own = words('words_own');
    assert.ok(own.length > 0);
    assert.deepEqual(words('words_store'), own);
    db.exec('DROP TABLE temp.words_own; DROP TABLE temp.words_store');
  }

  /** Looks for all queries in an index, without its rows. Resolves to the milliseconds that it took. */
  searchIndex(which: 'store' | 'own'): Promise<number> {
    const table = which === 'own' ? 'own' : this.#current();
    const search = this.#open.prepare(`SELECT rowid FROM ${table} WHERE ${table} MATCH ? ORDER BY rank LIMIT 5`);
    const startedAt = performance.now();
    for (const query of this.queries) assert.ok(search.all(query).length > 0, `nothing was found for ${query}`);
    return Promise.resolve(performance.now() - startedAt);
  }

  /** Of how many segments, each of which a search looks at, an index is made. */
  segments(which: 'store' | 'own'): number {
    const table = which === 'own' ? 'own' : this.#current();
    return this.#open.prepare(`SELECT count(DISTINCT segid) FROM ${table}_idx`).pluck().get() as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager.close();
    this.#db?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #open(): Database.Database {
    if (this.#db === null) throw new Error('Expected the store to be filled first');
    return this.#db;
  }

  #rows(): number {
    return this.#open.prepare('SELECT count(*) FROM memories').pluck().get() as number;
  }

  #current(): string {
    return `memories_fts_${this.#open.prepare('SELECT current FROM memories_fts_state').pluck().get() as string}`;
  }
}

/** Queries of two long words that stand in one passage: each has a hit. */
function queriesFrom(passages: readonly string[]): string[] {
  const queries: string[] = [];
  for (const passage of passages) {
    const [first, second] = passage.match(/\b[a-z]{8,16}\b/g) ?? [];
    if (first !== undefined && second !== undefined) queries.push(`${first} ${second}`);
    if (queries.length === 200) break;
  }
  return queries;
}
