import { describe, expect, it } from 'vitest';
import { fuse } from '../../dist/sqlite/rank-fusion.js';
import { type JudgedQuery, readCollection } from './collection.js';
import { type JudgedStore, judgedStore } from './judged-store.js';
import { averagePrecision, ndcg } from './metrics.js';
import { rawIndex } from './raw-index.js';

/** Ids of documents, best first. */
type Search = (query: string) => Promise<string[]> | string[];

interface Quality {
  ndcg: number;
  map: number;
}

// How far down a ranking is looked for relevant documents: hits beyond add next to nothing to either measure.
const DEPTH = 100;
const { documents, queries } = readCollection();

/** FTS5 as in its manual: Porter stemming, BM25, a row that has any of the words. */
function bm25(): Search {
  const names = [...documents.keys()];
  const rows = names.map((name, at) => [at, documents.get(name) as string] as const);
  const raw = rawIndex(['content'], 'porter unicode61', rows);
  return (query) => {
    const words = new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu));
    const match = Array.from(words, (word) => `"${word}"`).join(' OR ');
    return raw.find(match, DEPTH).map(({ id }) => names[id] as string);
  };
}

function mode(store: JudgedStore, of: 'text' | 'vector' | 'hybrid'): Search {
  return (query) => store.find(query, { userId: 'ada', mode: of, limit: DEPTH });
}

async function quality(search: Search, asked: readonly JudgedQuery[]): Promise<Quality> {
  const sum: Quality = { ndcg: 0, map: 0 };
  for (const { text, relevant } of asked) {
    const ranking = await search(text);
    sum.ndcg += ndcg(ranking, relevant, 10);
    sum.map += averagePrecision(ranking, relevant);
  }
  return { ndcg: sum.ndcg / asked.length, map: sum.map / asked.length };
}

describe('the judged collection', () => {
  it('has several hundred documents and, in each half, queries of every kind that name existing ones', () => {
    expect(documents.size).toBeGreaterThanOrEqual(250);
    expect(new Set(documents.values()).size).toBe(documents.size);
    expect(new Set(queries.map(({ id }) => id)).size).toBe(queries.length);
    for (const split of ['tune', 'held-out'] as const) {
      const half = queries.filter((query) => query.split === split);
      expect(half.length).toBeGreaterThanOrEqual(40);
      expect(new Set(half.map(({ kind }) => kind)).size).toBe(7);
    }
    for (const { relevant } of queries) {
      expect(Object.values(relevant)).toContain(2);
      for (const [id, grade] of Object.entries(relevant)) {
        expect(documents.has(id)).toBe(true);
        expect([1, 2]).toContain(grade);
      }
    }
  });
});

describe('search', () => {
  it('is no worse by text than BM25, and no worse hybrid than by text, for queries that nothing was tuned by', async () => {
    const store = await judgedStore(documents, ['ada']);
    const searches = {
      bm25: bm25(),
      text: mode(store, 'text'),
      vector: mode(store, 'vector'),
      hybrid: mode(store, 'hybrid'),
    };
    const table: Record<string, Record<string, string>> = {};
    const heldOut: Record<string, Quality> = {};
    for (const [name, search] of Object.entries(searches)) {
      const row: Record<string, string> = {};
      for (const split of ['tune', 'held-out'] as const) {
        const half = queries.filter((query) => query.split === split);
        const measured = await quality(search, half);
        row[`${split} nDCG@10`] = measured.ndcg.toFixed(4);
        row[`${split} MAP`] = measured.map.toFixed(4);
        heldOut[name] = measured;
      }
      table[name] = row;
    }
    console.table(table);
    for (const measure of ['ndcg', 'map'] as const) {
      const of = (name: keyof typeof searches): number => heldOut[name]?.[measure] ?? Number.NaN;
      expect(of('text')).toBeGreaterThanOrEqual(of('bm25'));
      expect(of('hybrid')).toBeGreaterThanOrEqual(of('text'));
      expect(of('hybrid')).toBeGreaterThanOrEqual(of('vector'));
    }
  });

  it('by both is the fusion of what each finds', async () => {
    const { store } = await judgedStore(documents, ['ada']);
    for (const { text } of queries) {
      const options = { userId: 'ada', limit: DEPTH };
      const [byText, byVector] = await Promise.all([
        store.search(text, { ...options, mode: 'text' }),
        store.search(text, { ...options, mode: 'vector' }),
      ]);
      const expected = fuse([{ hits: byText }, { hits: byVector, weight: 0.5 }]).slice(0, DEPTH);
      const hybrid = await store.search(text, { ...options, mode: 'hybrid' });
      expect(hybrid.map(({ id, score }) => ({ id, score }))).toEqual(expected.map(({ id, score }) => ({ id, score })));
    }
  });
});
