import type { Embedder } from 'treadle/embedders';
import { expect } from 'vitest';
import { currentIndex } from '../../dist/sqlite/fts-index.js';
import { modelInUse } from '../../dist/sqlite/models.js';
import { vectorBlob } from '../../dist/sqlite/vector-blob.js';
import { expectSound } from '../support/sound-table.js';
import type { LedgerRow, Moved, Shelf } from './ledger.js';
import { EMBEDDERS, USERS, type WatchedStore } from './watched-store.js';

/** How thoroughly to look. */
export interface CheckOptions {
  /** Whether a row that had expired was to be deleted. @default none was */
  readonly maySweep?: (shelf: Shelf) => boolean;
  /** Whether to compare the index with the rows word by word, too. */
  readonly thorough: boolean;
}

// Rows that are searched for after each kill.
const SEARCHED = 6;

/**
 * Expects that the store is whole, whatever was killed in it: the files, each row that the ledger has and no other, its
 * entry, its vectors. Returns what a task has stored and deleted since the last time.
 */
export async function expectWhole(watched: WatchedStore, options: CheckOptions): Promise<Moved> {
  // With new connections: on one that knows an FTS5 table, PRAGMA integrity_check goes by what it remembers of it, and takes
  // what others have merged meanwhile for corruption (SQLite 3.53).
  watched.close();
  const { open, db, ledger } = watched;
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  const index = open.layout.fts(currentIndex(open));
  db.exec(`INSERT INTO ${index} (${index}) VALUES ('integrity-check')`);
  const rows = db.prepare('SELECT user_id AS userId, namespace, content FROM memories').all() as LedgerRow[];
  const moved = ledger.compare(rows, options.maySweep ?? (() => false));
  expectVectors(watched);
  await expectSearches(watched);
  if (options.thorough) expectSound(open);
  return moved;
}

/** Each vector is that of its row's text, and no row lacks the one by which it is found, save those on the list. */
function expectVectors(watched: WatchedStore): void {
  const { open, db } = watched;
  const vectors = db
    .prepare('SELECT v.model, m.content, v.vector FROM vectors v LEFT JOIN memories m ON m.id = v.row_id')
    .raw()
    .all() as [string, string | null, Buffer][];
  const wrong = vectors.filter(
    ([model, content, vector]) => content === null || !vectorIn(model, content).equals(vector),
  );
  expect(wrong.map(([model, content]) => [model, content])).toEqual([]);
  const lacking = db.prepare(
    `SELECT content FROM memories m WHERE user_id = ? AND id NOT IN (SELECT row_id FROM vectors_pending)
     AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.row_id = m.id AND v.model = ?)`,
  );
  for (const user of USERS) expect(lacking.all(user, modelInUse(open, user))).toEqual([]);
  const orphans = 'SELECT count(*) FROM vectors_pending WHERE row_id NOT IN (SELECT id FROM memories)';
  expect(db.prepare(orphans).pluck().get()).toBe(0);
}

async function expectSearches({ store, db, dice, ledger }: WatchedStore): Promise<void> {
  const waiting = db
    .prepare('SELECT 1 FROM memories WHERE content = ? AND id IN (SELECT row_id FROM vectors_pending)')
    .pluck();
  const kept = [...ledger.kept];
  for (let n = 0; n < SEARCHED; n++) {
    const [content, { userId, namespace }] = dice.pick(kept);
    const [word = ''] = content.split(' ');
    expect(await store.search(word, { userId, namespace })).toMatchObject([{ content, userId, namespace }]);
    if (waiting.get(content) !== undefined) continue;
    const byVector = await store.search(content, { userId, mode: 'vector', limit: 1 });
    expect(byVector).toMatchObject([{ content, userId, namespace }]);
  }
  const gone = ledger.gone.filter((text) => !ledger.kept.has(text));
  for (const content of [...gone.slice(-2), ...ledger.expired.keys()].slice(0, SEARCHED)) {
    const [word = ''] = content.split(' ');
    for (const userId of USERS) expect(await store.search(word, { userId })).toEqual([]);
  }
}

const known = new Map<string, Buffer>();

/** The vector of a text. */
function vectorIn(model: string, text: string): Buffer {
  const key = `${model} ${text}`;
  let vector = known.get(key);
  if (vector === undefined) {
    const embedder = Object.values<Embedder>(EMBEDDERS).find(({ name }) => name === model);
    if (embedder === undefined) throw new Error(`Expected a vector of a known model, got one of ${model}`);
    vector = vectorBlob(embedder.embed([text]) as Float32Array, 0, embedder.dimensions);
    known.set(key, vector);
  }
  return vector;
}
