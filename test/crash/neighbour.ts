import { expect } from 'vitest';
import { contentHash } from '../../dist/store/memory.js';
import type { Shelf } from './ledger.js';
import { NAMESPACES, USERS, type WatchedStore } from './watched-store.js';

const DAY_MS = 86_400_000;

/** Somebody else who uses the store: through its methods, and by SQL of their own as other programs do. */
export class Neighbour {
  /** How many expired rows they have renewed, in all. */
  renewed = 0;
  readonly #watched: WatchedStore;

  constructor(watched: WatchedStore) {
    this.#watched = watched;
  }

  /** One write at random: accepted, and in the ledger, once this returns. */
  async write(): Promise<void> {
    const { dice, ledger } = this.#watched;
    const [text, shelf] = dice.pick([...ledger.kept]);
    const kind = dice.below(1);
    if (kind < 0.35) await this.#add();
    else if (kind < 0.45) this.#insert();
    else if (kind < 0.65) this.#change(text, shelf);
    // The task that was given a text might store it for whom it was meant, too.
    else if (kind < 0.7 && !ledger.offered.has(text)) this.#give(text, shelf);
    else if (kind < 0.9 || ledger.expired.size === 0) this.#delete(text);
    else await this.#renew();
  }

  async #add(): Promise<void> {
    const { store, dice, ledger } = this.#watched;
    const [content, shelf] = [this.#watched.newText(), this.#watched.newShelf()];
    await store.add({ ...shelf, content, ttlMs: dice.chance(0.3) ? DAY_MS : undefined });
    ledger.kept.set(content, shelf);
    await this.#expectFound(content, shelf);
  }

  #insert(): void {
    const { db, ledger } = this.#watched;
    const [content, shelf] = [this.#watched.newText(), this.#watched.newShelf()];
    db.prepare(
      `INSERT INTO memories (user_id, namespace, importance, created_at, content_hash, content) VALUES (?, ?, 0.5, 0, ?, ?)`,
    ).run(shelf.userId, shelf.namespace, contentHash(content), content);
    ledger.kept.set(content, shelf);
  }

  #change(text: string, shelf: Shelf): void {
    const { db, ledger } = this.#watched;
    const content = this.#watched.newText();
    const update = db.prepare('UPDATE memories SET content = ?, content_hash = ? WHERE content_hash = ?');
    expect(update.run(content, contentHash(content), contentHash(text)).changes).toBe(1);
    ledger.forget(text);
    ledger.kept.set(content, shelf);
  }

  #give(text: string, { namespace }: Shelf): void {
    const { db, dice, ledger } = this.#watched;
    const shelf = { userId: dice.pick(USERS), namespace: dice.chance(0.5) ? namespace : dice.pick(NAMESPACES) };
    const update = db.prepare('UPDATE memories SET user_id = ?, namespace = ? WHERE content_hash = ?');
    expect(update.run(shelf.userId, shelf.namespace, contentHash(text)).changes).toBe(1);
    ledger.kept.set(text, shelf);
  }

  #delete(text: string): void {
    const { db, store, ledger } = this.#watched;
    const id = db.prepare('SELECT id FROM memories WHERE content_hash = ?').pluck().get(contentHash(text)) as number;
    expect(store.delete(id)).toBe(true);
    ledger.forget(text);
  }

  /** Whether it was swept meanwhile or not. */
  async #renew(): Promise<void> {
    const { store, dice, ledger } = this.#watched;
    const [content, shelf] = dice.pick([...ledger.expired]);
    await store.add({ ...shelf, content });
    this.renewed++;
    ledger.expired.delete(content);
    ledger.kept.set(content, shelf);
    await this.#expectFound(content, shelf);
  }

  async #expectFound(text: string, { userId }: Shelf): Promise<void> {
    const hits = await this.#watched.store.search(text.split(' ', 1)[0] as string, { userId });
    expect(hits.map(({ content }) => content)).toEqual([text]);
  }
}
