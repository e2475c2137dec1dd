import { describe, expect, it } from 'vitest';
import { ftsQuery } from '../../dist/sqlite/fts-query.js';
import { readCollection } from './collection.js';
import { judgedStore } from './judged-store.js';
import { rawIndex } from './raw-index.js';

const TOKENIZER = 'porter unicode61 remove_diacritics 2';
const { documents, queries } = readCollection();
const LIMIT = 200;

// As the store's own index: BM25 counts the two words of `scope` when it measures how long a row is.
const COLUMNS = ['scope', 'content'];
const WEIGHTS = [0, 1];

describe('a text search', () => {
  it("gives the order and the scores of FTS5's own BM25 over the same words", async () => {
    const { store, rowOf } = await judgedStore(documents, ['ada']);
    const rows = Array.from(documents, ([name, text]) => [rowOf.get(name) as number, 'ada default', text] as const);
    const raw = rawIndex(COLUMNS, TOKENIZER, rows, WEIGHTS);
    let hits = 0;
    for (const { text } of queries) {
      const expected = raw.find(`content : ${ftsQuery(text)}`, LIMIT);
      const found = await store.search(text, { userId: 'ada', limit: LIMIT });
      expect(found.map(({ id, score }) => ({ id, rank: -score }))).toEqual(expected);
      hits += expected.length;
    }
    expect(hits).toBeGreaterThan(queries.length * 3);
  });

  it('gives each of several users the same, restricted to their rows', async () => {
    const users = ['ada', 'bob', 'eve'] as const;
    const { store, rowOf } = await judgedStore(documents, users);
    const owner = new Map(Array.from(rowOf.values(), (id, at) => [id, users[at % users.length]]));
    const rows = Array.from(documents, ([name, text]) => [rowOf.get(name) as number, 'user default', text] as const);
    const raw = rawIndex(COLUMNS, TOKENIZER, rows, WEIGHTS);
    let hits = 0;
    for (const { text } of queries) {
      const all = raw.find(`content : ${ftsQuery(text)}`, documents.size);
      for (const userId of users) {
        const found = await store.search(text, { userId, limit: LIMIT });
        const expected = all.filter(({ id }) => owner.get(id) === userId);
        expect(found.map(({ id, score }) => ({ id, rank: -score }))).toEqual(expected);
      }
      hits += all.length;
    }
    expect(hits).toBeGreaterThan(queries.length * 3);
  });
});
