import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_QUERY_TERMS, ftsMatch, ftsQuery } from '../../dist/sqlite/fts-query.js';
import { temporaryStore } from '../support/memories.js';

const ada = { userId: 'ada' };

async function storeOf(...contents: string[]) {
  const store = temporaryStore();
  for (const content of contents) await store.add({ ...ada, content });
  const find = async (query: string, options = {}): Promise<string[]> =>
    (await store.search(query, { ...ada, ...options })).map((hit) => hit.content);
  return { store, find };
}

describe('text search', () => {
  it('finds words in any form, accent or case, the best match first', async () => {
    const { find } = await storeOf(
      'Cancelling tasks',
      'A task was CANCELLED twice, cancelled for good',
      'Déjà vu',
      'Something else',
    );
    expect(await find('how do I cancel a task?')).toEqual([
      'Cancelling tasks',
      'A task was CANCELLED twice, cancelled for good',
    ]);
    expect(await find('DEJA')).toEqual(['Déjà vu']);
  });

  it('gives scores that fall, and as many hits as asked for', async () => {
    const contents = Array.from({ length: 30 }, (_, n) => `apple ${'filler '.repeat(n)}${n}`);
    const { store } = await storeOf(...contents, 'no fruit in it', 'none here either');
    const hits = await store.search('apple', { ...ada, limit: 12 });
    expect(hits.map((hit) => hit.content)).toEqual(contents.slice(0, 12));
    for (const [at, hit] of hits.entries()) expect(hit.score).toBeLessThanOrEqual(hits[at - 1]?.score ?? Infinity);
    expect(hits.at(-1)?.score).toBeGreaterThan(0);
  });

  it('ranks a hit of a rare word above one of a frequent word', async () => {
    const { find } = await storeOf('common zebra', ...Array.from({ length: 20 }, (_, n) => `common thing ${n}`));
    expect((await find('common zebra'))[0]).toBe('common zebra');
  });

  it('keeps users and namespaces apart', async () => {
    const { store, find } = await storeOf('shared word');
    await store.add({ ...ada, namespace: 'work', content: 'shared word at work' });
    await store.add({ userId: 'ad', namespace: 'a', content: 'shared word of another' });
    expect(await find('shared')).toHaveLength(2);
    expect(await find('shared', { namespace: 'work' })).toEqual(['shared word at work']);
    expect(await find('shared', { namespace: 'play' })).toEqual([]);
    expect(await store.search('shared', { userId: 'eve' })).toEqual([]);
    expect(await store.search('shared', { userId: 'ad' })).toHaveLength(1);
  });

  it('finds no row by the name of its user or namespace', async () => {
    const { find } = await storeOf('text');
    const hex = Buffer.from('ada').toString('hex');
    for (const query of [`u${hex}0`, 'ada', 'default', hex]) expect(await find(query)).toEqual([]);
  });

  it.each([
    '"',
    '""""',
    "'; DROP TABLE memories; --",
    'AND',
    'OR NOT AND',
    'NEAR(quick fox, 2)',
    'content : quick',
    'scope:x OR content:y',
    '{scope content} : quick',
    '- scope : quick',
    '*',
    'qui*',
    '^quick',
    'quick + brown',
    '(((((',
    '🎉',
    '👩‍👩‍👧‍👦 \u0301\u0302',
    '\ud83d lone surrogate \udc00',
    'nul\0quick',
    '\0',
    '',
    '   \n\t',
    '%_\\',
    '漢字かな交じり文',
  ])('takes %j as words, never as syntax', async (query) => {
    const { find } = await storeOf('the quick brown fox');
    const asSyntax = /^(?!AND|OR NOT).*quick/.test(query);
    expect(await find(query)).toEqual(asSyntax ? ['the quick brown fox'] : []);
  });

  it.each([
    ['one word', 'a'.repeat(10_240), 0],
    ['one word again and again', 'quick '.repeat(2_000), 1],
    ['many words', Array.from({ length: 3_000 }, (_, n) => `w${n}`).join(' '), 0],
    ['quotes', '"'.repeat(10_240), 0],
    ['quotes between words', 'quick"y'.repeat(2_000), 1],
  ])('takes 10 kB of text: %s', async (_, query, hits) => {
    const { find } = await storeOf('the quick brown fox');
    expect(await find(query)).toHaveLength(hits);
  });

  it('takes any string at all', async () => {
    const { store } = await storeOf('the quick brown fox', 'NEAR AND "OR" NOT 🎉');
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), async (query) => {
        expect((await store.search(query, ada)).length).toBeLessThanOrEqual(2);
        expect((await store.search(`${query} quick`, ada)).length).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('finds each text by any of its words, whatever they are made of', async () => {
    const { store } = await storeOf();
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[\p{L}\p{N}]{1,20}$/u), async (word) => {
        const { id } = await store.add({ ...ada, content: `${word} padding` });
        expect((await store.search(word, { ...ada, limit: 200 })).map((hit) => hit.id)).toContain(id);
        store.delete(id);
      }),
    );
  });

  it('looks for 64 words at most, and for common ones only where there are no others', () => {
    const terms = (query: string): number => ftsQuery(query)?.split(' OR ').length ?? 0;
    expect(terms(Array.from({ length: 100 }, (_, n) => `word${n}`).join(' '))).toBe(MAX_QUERY_TERMS);
    expect(terms('word WORD Word')).toBe(1);
    expect(ftsQuery('What is the state of a task?')).toBe('("state" OR "task")');
    expect(ftsQuery('to be or not to be')).toBe('("to" OR "be" OR "or" OR "not")');
    expect(ftsQuery('"x" x_y')).toBe('("x" OR "y")');
    expect(ftsQuery('?!')).toBeNull();
    expect(ftsMatch('("x")', ['content', 'content1'], 's')).toBe('scope : "s" AND {content content1} : ("x")');
    expect(ftsMatch('("x")', ['content'], null)).toBe('{content} : ("x")');
  });

  it('finds texts by the new words after a change, and not by the old', async () => {
    const { store, find } = await storeOf('old words');
    const Database = (await import('better-sqlite3')).default;
    const db = new Database(store.path);
    db.exec(`UPDATE memories SET content = 'new words', namespace = 'moved'`);
    db.close();
    expect(await find('old')).toEqual([]);
    expect(await find('new', { namespace: 'moved' })).toEqual(['new words']);
    expect(await find('new', { namespace: 'default' })).toEqual([]);
  });
});
