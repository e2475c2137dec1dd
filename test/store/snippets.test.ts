import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Snippet } from '../../dist/sqlite/snippet-text.js';
import { Snippets } from '../../dist/sqlite/snippets.js';
import { expectRefused } from '../support/bad-values.js';

const TOKENIZER = 'porter unicode61 remove_diacritics 2';

function snippetsFor(columns: readonly string[] = ['content'], tokenizer = TOKENIZER): Snippets {
  const snippets = new Snippets(tokenizer, columns);
  onTestFinished(() => snippets.close());
  return snippets;
}

/** Shown as a person would see it: `a [highlight] in a text`. */
function shown(snippet: Snippet | undefined): string {
  const { text, highlights } = snippet as Snippet;
  let [at, result] = [0, ''];
  for (const [start, end] of highlights) {
    expect(at).toBeLessThanOrEqual(start);
    expect(start).toBeLessThan(end);
    expect(end).toBeLessThanOrEqual(text.length);
    result += `${text.slice(at, start)}[${text.slice(start, end)}]`;
    at = end;
  }
  return result + text.slice(at);
}

function snippetOf(text: string, match: string | null, words = 20, tokenizer = TOKENIZER): string {
  return shown(
    snippetsFor(['content'], tokenizer)
      .of(match, [{ id: 'x', texts: [text] }], words)
      .get('x'),
  );
}

const long = (...words: string[]): string => `${'before '.repeat(30)}${words.join(' ')}${' after'.repeat(30)}.`;

describe('snippets', () => {
  it('highlight words in every form that the tokenizer takes for the same', () => {
    expect(snippetOf('Two runners ran; running is fun.', '"run"')).toBe('Two runners ran; [running] is fun.');
    expect(snippetOf('Déjà vu, DEJA VU, de\u0301ja\u0300 vu', '"deja"')).toBe(
      '[Déjà] vu, [DEJA] VU, [de\u0301ja\u0300] vu',
    );
  });

  it('show the part where most of the query stands, with an ellipsis where text was left out', () => {
    expect(snippetOf(long('weaving', 'looms'), 'content : ("weave" OR "loom")', 4)).toMatch(
      /^…(?:before )*\[weaving\] \[looms\](?: after)*…$/,
    );
    expect(snippetOf('weaving looms', '"weave"', 4)).toBe('[weaving] looms');
    expect(snippetOf('weaving on looms all day long', '"weave"', 3)).toBe('[weaving] on looms…');
  });

  it('count highlights in UTF-16 code units, whatever characters stand before', () => {
    expect(snippetOf('🎉🎉 party 👩‍👩‍👧 at 𝔘𝔫𝔦 𐐀 party', '"parti"')).toBe('🎉🎉 [party] 👩‍👩‍👧 at 𝔘𝔫𝔦 𐐀 [party]');
    expect(snippetOf('قال شجرة كبيرة ثم مضى', '"شجرة"')).toBe('قال [شجرة] كبيرة ثم مضى');
    expect(snippetOf('שלום עולם', '"עולם"')).toBe('שלום [עולם]');
  });

  it('are not misled by the marks that they are made with, nor by what ends or breaks a text', () => {
    expect(snippetOf('a \uFDD0 loom \uFDD1\uFDD2 b', '"loom"')).toBe('a \uFFFD [loom] \uFFFD\uFFFD b');
    expect(snippetOf('nul\0 and \ud83d loom \udc00 end', '"loom"')).toBe('nul\uFFFD and \uFFFD [loom] \uFFFD end');
    expect(snippetOf('nul\0 and \ud83d', null)).toBe('nul\uFFFD and \uFFFD');
    expect(snippetOf('<b>loom</b> & "loom"', '"loom"')).toBe('<b>[loom]</b> & "[loom]"');
  });

  it('give the beginning of a text that has no word of the query, or where there is no query', () => {
    for (const match of [null, '"zebra"']) {
      expect(snippetOf('  One two, three four.', match, 2)).toBe('One two,…');
      expect(snippetOf('One two, three.', match, 3)).toBe('One two, three.');
      expect(snippetOf('?! …', match, 3)).toBe('?! …');
      expect(snippetOf('', match)).toBe('');
    }
  });

  it('show the column that fits best, and the first that has text where none fits', () => {
    const snippets = snippetsFor(['title', 'the "body"']);
    const rows = [
      { id: 1, texts: ['Looms', 'Nothing of that kind.'] },
      { id: 2, texts: ['Nothing', 'About looms and weaving.'] },
      { id: 3, texts: [null, 'Only a body.'] },
      { id: 4, texts: [' ', null] },
    ];
    const made = snippets.of('"loom" OR "weave"', rows, 10);
    expect([...made.keys()]).toEqual([1, 2, 3, 4]);
    expect([...made.values()].map(shown)).toEqual(['[Looms]', 'About [looms] and [weaving].', 'Only a body.', '']);
    expect(shown(snippets.of('title : "loom"', rows, 10).get(2))).toBe('Nothing');
    expect(shown(snippets.of('"the ""body""" : "loom"', rows, 10).get(2))).toBe('About [looms] and weaving.');
  });

  it('use the tokenizer they are given', () => {
    expect(snippetOf('running runs', '"run"', 5, 'unicode61')).toBe('running runs');
    expect(snippetOf('state-of-the-art', '"state-of-the-art"', 5, "unicode61 tokenchars '-'")).toBe(
      '[state-of-the-art]',
    );
    expect(snippetOf('weaving', '"eav"', 5, 'trigram')).toBe('w[eav]ing');
  });

  it('stay short where a text has endless words, and begin and end on whole characters', () => {
    const run = '漢'.repeat(5_000);
    expect(snippetOf(run, null, 10)).toBe(`${'漢'.repeat(160)}…`);
    expect(snippetOf(`${run} loom ${run}`, '"loom"', 5)).toMatch(/^…漢+ \[loom\] 漢+…$/);
    for (const offset of ['', 'x']) {
      const { text } = snippetsFor()
        .of('"loom"', [{ id: 0, texts: [`${offset}${'🎉'.repeat(500)} loom ${'𝔘'.repeat(500)}`] }], 4)
        .get(0) as Snippet;
      expect(text).not.toMatch(/\p{Cs}/u);
      expect(text.length).toBeLessThanOrEqual(4 * 16 + 2);
    }
  });

  it('look into the first 100,000 code units of a text', () => {
    expect(snippetOf(`${'filler '.repeat(14_000)}loom`, '"loom"', 2)).toMatch(/\[loom\]$/);
    expect(snippetOf(`${'filler '.repeat(15_000)}loom`, '"loom"', 2)).toBe('filler filler…');
  });

  it('keep nothing of one call for the next, not even after one that failed', () => {
    const snippets = snippetsFor();
    const row = { id: 1, texts: ['a loom'] };
    expect(shown(snippets.of('"loom"', [row, { id: 2, texts: ['two looms'] }], 5).get(2))).toBe('two [looms]');
    expect(() => snippets.of('"unfinished', [row], 5)).toThrow(Database.SqliteError);
    expect(snippets.of('"loom"', [], 5).size).toBe(0);
    expect([...snippets.of('"loom"', [row], 5)].map(([id, made]) => [id, shown(made)])).toEqual([[1, 'a [loom]']]);
    snippets.close();
    expect(shown(snippets.of('"loom"', [row], 5).get(1))).toBe('a [loom]');
  });

  it.each([[0], [65], [1.5], [Number.NaN]])('refuse %j words', async (words) => {
    await expectRefused(() => snippetsFor().of('"x"', [], words), 'words', `${words} (number)`);
  });

  it('are a part of the text whose highlights, and all rows that match, match the query', () => {
    const word = fc.constantFrom(
      'weave',
      'Weaving',
      'woven',
      'loom',
      'looms',
      'café',
      'CAFES',
      '🎉',
      'x',
      '漢字',
      'the',
    );
    const gap = fc.constantFrom(' ', ', ', '\n\n', '. ', '…', '-', '\uFDD0', '\0');
    const text = fc
      .array(fc.tuple(word, gap), { maxLength: 80 })
      .map((parts) => parts.map(([before, after]) => before + after).join(''));
    const query = fc.uniqueArray(fc.constantFrom('weave', 'loom', 'cafe', '漢字', 'zebra'), { minLength: 1 });
    const snippets = snippetsFor(['one', 'two']);
    const db = new Database(':memory:');
    onTestFinished(() => void db.close());
    db.exec(`CREATE VIRTUAL TABLE piece USING fts5(one, two, tokenize = '${TOKENIZER}')`);
    const put = db.prepare('INSERT OR REPLACE INTO piece (rowid, one, two) VALUES (1, ?, ?)');
    const asked = db.prepare('SELECT count(*) FROM piece WHERE piece MATCH ?').pluck();
    const matches = (match: string, ...texts: string[]): boolean => {
      put.run(texts[0], texts[1] ?? '');
      return asked.get(match) === 1;
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, text), { maxLength: 4 }),
        query,
        fc.integer({ min: 1, max: 64 }),
        (rows, terms, words) => {
          const match = terms.map((term) => `"${term}"`).join(' OR ');
          const made = snippets.of(
            match,
            rows.map((texts, id) => ({ id, texts })),
            words,
          );
          for (const [id, texts] of rows.entries()) {
            const { text: part, highlights } = made.get(id) as Snippet;
            const original = texts.map((whole) => whole.replaceAll(/[\0\uFDD0]/g, '\uFFFD'));
            const variants = [part, part.slice(1), part.slice(0, -1), part.slice(1, -1)];
            expect(variants.some((variant) => original.some((whole) => whole.includes(variant)))).toBe(true);
            for (const [start, end] of highlights) expect(matches(match, part.slice(start, end))).toBe(true);
            expect(highlights.length > 0).toBe(matches(match, ...original));
          }
        },
      ),
    );
  });
});
