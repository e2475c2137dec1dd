import type { Database } from 'better-sqlite3';
import { type Embedder, hashingEmbedder } from 'treadle/embedders';
import { type Store, openStore } from 'treadle/store';
import { onTestFinished } from 'vitest';
import { embedderInUse } from '../../dist/sqlite/models.js';
import type { OpenTable } from '../../dist/sqlite/open-table.js';
import { openMemories } from '../../dist/store/memories-table.js';
import { contentHash } from '../../dist/store/memory.js';
import { MemoryWriter } from '../../dist/store/memory-writer.js';
import { temporaryPath } from '../support/memories.js';
import type { Dice } from './dice.js';
import { Ledger, type Shelf } from './ledger.js';

/** The embedders of the store and of its tasks, by the names that the tasks have for them. */
export const EMBEDDERS = {
  default: hashingEmbedder({ dimensions: 64 }),
  wide: hashingEmbedder({ dimensions: 96 }),
} as const;

export const USERS = ['ada', 'ben', 'cleo'] as const;
export const NAMESPACES = ['default', 'notes'] as const;

/** A store with a ledger of every row that was accepted. */
export class WatchedStore {
  readonly path: string = temporaryPath();
  readonly ledger: Ledger = new Ledger();
  readonly dice: Dice;
  #connections: { readonly open: OpenTable; readonly store: Store } | null = null;
  #texts = 0;

  constructor(dice: Dice) {
    this.dice = dice;
    onTestFinished(() => this.close());
  }

  /** A connection as threads have it. */
  get open(): OpenTable {
    return this.#connected().open;
  }

  get db(): Database {
    return this.open.db;
  }

  get store(): Store {
    return this.#connected().store;
  }

  /** Closes all connections: who opens the store next finds the files as a killed process left them. */
  close(): void {
    this.#connections?.store.close();
    this.#connections?.open.db.close();
    this.#connections = null;
  }

  /** A text that begins with a word which no other has. */
  newText(): string {
    const n = this.#texts++;
    return `row${n} about subject${n % 7} and topic${this.dice.integer(0, 99)}`;
  }

  /** Half of all rows are the first user's. */
  newShelf(): Shelf {
    const { dice } = this;
    return { userId: dice.pick(['ada', ...USERS]), namespace: dice.pick(NAMESPACES) };
  }

  /** Adds or deletes rows until so many are kept. */
  async level(rows: number): Promise<void> {
    const { ledger, dice } = this;
    while (ledger.kept.size < rows) {
      const shelf = this.newShelf();
      const missing = rows - ledger.kept.size;
      const texts = Array.from({ length: Math.min(missing, Math.ceil(rows / 8)) }, () => this.newText());
      const embedder = (): Embedder => embedderInUse(this.open, shelf.userId, Object.values(EMBEDDERS));
      await new MemoryWriter(this.open).add(shelf, texts, Date.now(), { embedder });
      for (const text of texts) ledger.kept.set(text, shelf);
    }
    const surplus = dice.shuffled([...ledger.kept.keys()]).slice(rows);
    this.#forEach('DELETE FROM memories WHERE content_hash = ?', surplus);
    for (const text of surplus) ledger.forget(text);
  }

  /** Lets so many rows expire, with all that they have in the indexes. */
  expire(count: number): void {
    const { kept, expired } = this.ledger;
    const chosen = this.dice.shuffled([...kept]).slice(0, count);
    this.#forEach(
      'UPDATE memories SET expires_at = 1 WHERE content_hash = ?',
      chosen.map(([text]) => text),
    );
    for (const [text, shelf] of chosen) {
      kept.delete(text);
      expired.set(text, shelf);
    }
  }

  #forEach(sql: string, texts: readonly string[]): void {
    const statement = this.db.prepare(sql);
    this.db.transaction(() => texts.forEach((text) => statement.run(contentHash(text)))).immediate();
  }

  #connected(): { readonly open: OpenTable; readonly store: Store } {
    this.#connections ??= {
      open: openMemories(this.path),
      store: openStore({ path: this.path, embedder: Object.values(EMBEDDERS) }),
    };
    return this.#connections;
  }
}
