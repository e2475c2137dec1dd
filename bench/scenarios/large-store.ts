import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { TaskManager } from 'treadle';
import { hashingEmbedder } from 'treadle/embedders';
import { type Store, openStore } from 'treadle/store';
import { type MemoryTasks, memoryTasks } from 'treadle/tasks';
import { THREADS } from '../runner/threads.js';

const OTHER = { dimensions: 256 };

/** A store in which each of many users has the same number of passages, and a manager that works on it. */
export class LargeStore implements AsyncDisposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'treadle-bench-'));
  readonly path: string = join(this.#folder, 'memories.db');
  readonly #manager: TaskManager<{ [Name in keyof MemoryTasks]: MemoryTasks[Name] }>;
  readonly #store: Store;

  constructor() {
    const { path } = this;
    const types = memoryTasks({ path, embedders: { other: { options: OTHER } } });
    this.#manager = new TaskManager({ types: { ...types }, threads: { max: THREADS } });
    this.#store = openStore({ path, embedder: [hashingEmbedder(), hashingEmbedder(OTHER)] });
  }

  async fill(users: readonly string[], passagesOf: (user: number) => string[]): Promise<void> {
    await this.#manager.ready();
    for (const [user, userId] of users.entries()) {
      const contents = passagesOf(user);
      const task = await this.#manager.submit('embed_batch', { input: { userId, contents } });
      assert.equal((await task.result()).stored, contents.length);
    }
  }

  async rebuild(rows: number): Promise<void> {
    const task = await this.#manager.submit('rebuild_fts_index');
    assert.deepEqual(await task.result(), { rows, replayed: 0, removed: 0 });
  }

  async migrate(rows: number): Promise<void> {
    const task = await this.#manager.submit('migrate_embeddings', { input: { to: 'other' } });
    const { embedded, removed } = await task.result();
    assert.deepEqual([embedded, removed], [rows, rows]);
  }

  async sweep(rows: number): Promise<void> {
    const task = await this.#manager.submit('ttl_sweep');
    assert.deepEqual(await task.result(), { deleted: rows });
  }

  search(query: string, userId: string, mode: 'text' | 'vector' | 'hybrid'): Promise<unknown[]> {
    return this.#store.search(query, { userId, mode, limit: 10 });
  }

  /** Lets every tenth memory have expired. Returns how many those are. */
  expireTenth(): number {
    const db = new Database(this.path, { timeout: 60_000 });
    try {
      return db.prepare('UPDATE memories SET expires_at = 1 WHERE id % 10 = 0').run().changes;
    } finally {
      db.close();
    }
  }

  /** Every memory has its entry and one vector, and none is left without its memory. @throws AssertionError */
  check(rows: number): void {
    const db = new Database(this.path, { timeout: 60_000 });
    try {
      const count = (sql: string): unknown => db.prepare(sql).pluck().get();
      const current = count('SELECT current FROM memories_fts_state') as string;
      assert.equal(count('SELECT count(*) FROM memories'), rows);
      assert.equal(count('SELECT count(*) FROM vectors'), rows);
      assert.equal(count('SELECT count(*) FROM vectors v JOIN memories m ON m.id = v.row_id'), rows);
      assert.equal(
        count(`SELECT count(*) FROM memories_fts_${current}_docsize d JOIN memories m ON m.id = d.id`),
        rows,
      );
      assert.equal(count(`SELECT count(*) FROM memories_fts_${current}_docsize`), rows);
      assert.equal(count('SELECT count(*) FROM vectors_pending'), 0);
    } finally {
      db.close();
    }
  }

  /** Megabytes of the file. */
  fileMb(): number {
    return statSync(this.path).size / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#manager.close();
    this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
