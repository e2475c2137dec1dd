import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openOwnTable } from '../../dist/sqlite/own-table.js';
import { expectSound } from '../support/sound-table.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/docs-search/', import.meta.url));

const GUIDE = `# Looms ##

A loom weaves cloth from threads.

## The treadle

The treadle lifts the shafts, so that both hands are free.

\`\`\`sh
# no heading
\`\`\`
`;

// Enough to embed them for a while.
const PASSAGES = 6_000;

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** A folder with these files, by path, that goes when the test ends; what is run runs in it. */
class Desk {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'treadle-docs-')));

  constructor(files: Readonly<Record<string, string>> = {}) {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    mkdirSync(join(this.folder, 'docs'));
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  index(...args: string[]): Promise<Ended> {
    return this.run('index.js', args.length === 0 ? ['docs'] : args);
  }

  search(...args: string[]): Promise<Ended> {
    return this.run('search.js', args);
  }

  async run(
    script: string,
    args: readonly string[],
    onLine: (line: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
  ): Promise<Ended> {
    const child = spawn(process.execPath, [join(EXAMPLE, script), ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines: string[] = [];
    const errors: string[] = [];
    const listen = (input: Readable, kept: string[]): void => {
      createInterface({ input }).on('line', (line) => {
        kept.push(line);
        onLine(line, (signal) => void child.kill(signal));
      });
    };
    listen(child.stdout, lines);
    listen(child.stderr, errors);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, lines, errors: errors.join('\n') };
  }

  /** What is stored: each passage, and how many vectors there are. */
  stored(db = 'docs-search.db'): { passages: { file: string; heading: string; body: string }[]; vectors: number } {
    const open = new Database(this.path(db), { readonly: true });
    try {
      const passages = open.prepare('SELECT file, heading, body FROM passages ORDER BY file, id').all();
      const vectors = open.prepare('SELECT count(*) FROM passages_vectors').pluck().get();
      return { passages, vectors } as ReturnType<Desk['stored']>;
    } finally {
      open.close();
    }
  }

  /** Expects that index and vectors are in step with the passages. */
  expectSound(): void {
    const open = openOwnTable(this.path('docs-search.db'), {
      table: 'passages',
      id: 'id',
      content: ['heading', 'body'],
      fts: 'passages_fts',
      vectors: 'passages_vectors',
    });
    try {
      expectSound(open);
    } finally {
      open.db.close();
    }
  }
}

/** What it says at the end, without the progress before. */
function summary({ lines }: Ended): string[] {
  return lines.filter((line) => !line.endsWith(' %'));
}

describe('docs-search', () => {
  it('indexes a folder and finds passages by words, by vectors and by both', async () => {
    const desk = new Desk({ 'docs/guide.md': GUIDE, 'docs/deep/cats.txt': 'Cats sleep all day.\n\nAnd all night.' });
    const indexed = await desk.index();
    expect([indexed.code, indexed.errors]).toEqual([0, '']);
    expect(summary(indexed)).toEqual([
      '2 files: 3 passages new, 0 gone',
      'docs-search.db is up to date, 3 passages embedded now',
    ]);
    expect(indexed.lines).toContain('reading   100 %');
    expect(indexed.lines).toContain('embedding 100 %');
    expect(desk.stored()).toEqual({
      passages: [
        { file: desk.path('docs/deep/cats.txt'), heading: '', body: 'Cats sleep all day.\n\nAnd all night.' },
        { file: desk.path('docs/guide.md'), heading: 'Looms', body: 'A loom weaves cloth from threads.' },
        {
          file: desk.path('docs/guide.md'),
          heading: 'The treadle',
          body: 'The treadle lifts the shafts, so that both hands are free.\n\n```sh\n# no heading\n```',
        },
      ],
      vectors: 3,
    });
    const words = await desk.search('lifting', 'shafts', '--mode', 'text');
    expect(words).toMatchObject({ code: 0, errors: '' });
    expect(words.lines[0]).toBe('docs/guide.md  The treadle');
    expect(words.lines[1]).toMatch(/^ {2}\d+\.\d{3} \(text 1\)$/);
    expect(words.lines[2]).toMatch(/^ {2}The treadle «lifts» the «shafts», so that both hands are free\./);
    const near = await desk.search('--mode', 'vector', '--limit', '1', 'sleepy cat');
    expect(near.lines).toEqual([
      'docs/deep/cats.txt',
      expect.stringMatching(/^ {2}0\.\d{3} \(vector 1\)$/),
      '  «Cats» sleep all day. And all night.',
      '',
    ]);
    const both = await desk.search('weaving cloth');
    expect(both.lines[1]).toMatch(/ \(text 1, vector 1\)$/);
    // The heading itself is the best part.
    expect((await desk.search('looms', '--limit', '1', '--mode', 'text')).lines.slice(0, 3)).toEqual([
      'docs/guide.md  «Looms»',
      expect.stringMatching(/\(text 1\)$/),
      '  A loom weaves cloth from threads.',
    ]);
    desk.expectSound();
  });

  it('stores and embeds only what is new, and removes what has gone', async () => {
    const desk = new Desk({ 'docs/guide.md': GUIDE, 'docs/old.txt': 'The flying shuttle is old.' });
    await desk.index();
    expect(summary(await desk.index())).toEqual([
      '2 files: 0 passages new, 0 gone',
      'docs-search.db is up to date, 0 passages embedded now',
    ]);
    desk.write('docs/guide.md', GUIDE.replace('cloth from threads', 'carpets'));
    rmSync(desk.path('docs/old.txt'));
    expect(summary(await desk.index())).toEqual([
      '1 file: 1 passage new, 2 gone',
      'docs-search.db is up to date, 1 passage embedded now',
    ]);
    for (const mode of ['text', 'vector']) {
      const [name, , text] = (await desk.search('carpets', '--mode', mode)).lines;
      expect([name, text]).toEqual(['docs/guide.md  Looms', '  A loom weaves «carpets».']);
    }
    const gone = await desk.search('shuttle', '--mode', 'text');
    expect(gone).toEqual({ code: 1, lines: [], errors: 'Nothing found' });
    expect(desk.stored().vectors).toBe(2);
    desk.expectSound();
  });

  it('keeps several folders in one file, and one inside another', async () => {
    const desk = new Desk({ 'a/one.md': 'first', 'a/in/two.md': 'second', 'a-b/three.md': 'third' });
    await desk.index('a', '--db', 'all.db');
    expect(summary(await desk.index('a-b', '--db', 'all.db'))[0]).toBe('1 file: 1 passage new, 0 gone');
    rmSync(desk.path('a/in/two.md'));
    expect(summary(await desk.index('a/in', '--db', 'all.db'))[0]).toBe('0 files: 0 passages new, 1 gone');
    expect(desk.stored('all.db').passages.map(({ body }) => body)).toEqual(['third', 'first']);
  });

  it('reads the text of HTML pages', async () => {
    const page = `<!doctype html><html><head><title>Weaving</title><style>.a { color: red }</style></head><body>
      <!-- a secret --><h1 class="x">Warp &amp; <em>weft</em></h1><p>1 &lt; 2 threads&#33;</p><p>Second&nbsp;part.</p>
      <script>let hidden = '<p>';</script><h2>Unclosed</h2>end &#xD83D; <script>rest`;
    const desk = new Desk({ 'docs/page.HTML': page });
    await desk.index();
    expect(desk.stored().passages.map(({ heading, body }) => [heading, body])).toEqual([
      ['Warp & weft', '1 < 2 threads!\n\nSecond part.'],
      ['Unclosed', 'end \uFFFD'],
    ]);
    // What was read is what is stored: nothing is new the second time.
    expect(summary(await desk.index())[0]).toBe('1 file: 0 passages new, 0 gone');
  });

  it('cuts long texts between words, and without words anywhere, and loses nothing', async () => {
    const words = Array.from({ length: 700 }, (_, n) => `word${n}`).join(' ');
    const signs = '织布机'.repeat(700) + '😀'.repeat(600);
    const desk = new Desk({ 'docs/signs.txt': signs, 'docs/words.txt': words });
    await desk.index();
    const { passages } = desk.stored();
    const of = (name: string): string[] =>
      passages.filter(({ file }) => file === desk.path(`docs/${name}.txt`)).map(({ body }) => body);
    expect(of('words').join(' ')).toBe(words);
    expect(of('signs').join('')).toBe(signs);
    for (const { body } of passages) expect(Array.from(body).length).toBeLessThanOrEqual(1_000);
  });

  it('passes by what is hidden, linked, no text or too large, and says so where it matters', async () => {
    const desk = new Desk({
      'docs/good.md': 'good',
      'docs/.git/config.md': 'hidden',
      'docs/node_modules/package/README.md': 'installed',
      'docs/code.js': 'code',
      'docs/binary.txt': 'a\0b',
      'docs/large.txt': 'large '.repeat(400_000),
    });
    symlinkSync(desk.path('docs'), desk.path('docs/round'));
    symlinkSync(desk.path('docs/good.md'), desk.path('docs/link.md'));
    const { code, errors } = await desk.index();
    expect(code).toBe(0);
    expect(errors.split('\n')).toEqual([
      `Skipped ${desk.path('docs/binary.txt')}: not UTF-8 text`,
      `Skipped ${desk.path('docs/large.txt')}: 2400000 bytes are more than 2097152`,
    ]);
    expect(desk.stored().passages.map(({ body }) => body)).toEqual(['good']);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves what it has stored on %s, and goes on the next time',
    async (signal) => {
      const sections = Array.from(
        { length: PASSAGES },
        (_, n) => `# Section ${n}\n\nAbout subject${n} and its threads.\n`,
      );
      const desk = new Desk({ 'docs/long.md': sections.join('\n') });
      const locked = new Database(desk.path('docs-search.db'));
      onTestFinished(() => void locked.close());
      let isAsked = false;
      const interrupted = await desk.run('index.js', ['docs'], (line, kill) => {
        // Nothing more is stored from the first progress on until the signal has come.
        if (/^embedding \d\d %$/.test(line) && !isAsked) {
          isAsked = true;
          locked.exec('BEGIN IMMEDIATE');
          kill(signal);
        }
        if (line === 'Stopping') locked.exec('ROLLBACK');
      });
      expect(interrupted.code).toBe(signal === 'SIGINT' ? 130 : 143);
      expect(interrupted.errors).toBe('Stopping\nInterrupted. What is stored stays; run it again to go on.');
      const { passages, vectors } = desk.stored();
      expect(passages).toHaveLength(PASSAGES);
      expect(vectors).toBeGreaterThan(0);
      expect(vectors).toBeLessThan(PASSAGES);
      desk.expectSound();
      expect((await desk.search('subject123')).lines[0]).toBe('docs/long.md  Section 123');
      const again = await desk.index();
      expect([again.code, again.errors]).toEqual([0, '']);
      expect(summary(again)).toEqual([
        '1 file: 0 passages new, 0 gone',
        `docs-search.db is up to date, ${PASSAGES - vectors} passages embedded now`,
      ]);
      expect(desk.stored().vectors).toBe(PASSAGES);
      expect(await desk.search('subject123', '--mode', 'vector')).toMatchObject({ code: 0, errors: '' });
      desk.expectSound();
    },
  );

  it.each([
    [[], /^Expected one folder, got 0\nUsage: /],
    [['docs', 'more'], /^Expected one folder, got 2\nUsage: /],
    [['docs', '--database', 'x'], /^Unknown option '--database'[^]*\nUsage: /],
    [['none'], /^ENOENT: .*none'$/],
    [['file.md'], /^ENOTDIR: .*file\.md'$/],
    [['docs', '--db', 'none/docs.db'], /directory does not exist$/],
    [['docs', '--db', 'file.md'], /^file is not a database$/],
  ])('index.js %j is an error', async (args, message) => {
    const desk = new Desk({ 'file.md': 'This is a file, and it is no database of anything at all.'.repeat(20) });
    const { code, lines, errors } = await desk.run('index.js', args);
    expect([code, lines]).toEqual([2, []]);
    expect(errors).toMatch(message);
  });

  it('says that a folder has nothing to index', async () => {
    const desk = new Desk();
    const { code, errors } = await desk.index();
    expect([code, errors]).toEqual([1, 'No .md, .txt, .html file in docs']);
    expect((await desk.search('anything')).code).toBe(1);
  });

  it.each([
    [[], /^Expected a query\nUsage: /],
    [['loom', '--db', 'none.db'], /^There is no none\.db\. Make it: node index\.js <folder>$/],
    [['loom', '--db', 'other.db'], /to have a table "passages", got none$/],
    [['loom', '--mode', 'fuzzy'], /^Expected `mode` to be 'text', 'vector' or 'hybrid', got "fuzzy"[^]*\nUsage: /],
    [['loom', '--limit', 'many'], /^Expected `limit` to be an integer from 1 to 200[^]*\nUsage: /],
  ])('search.js %j is an error', async (args, message) => {
    const desk = new Desk({ 'docs/guide.md': GUIDE });
    await desk.index();
    new Database(desk.path('other.db')).exec('CREATE TABLE other (id)').close();
    const { code, lines, errors } = await desk.search(...args);
    expect([code, lines]).toEqual([2, []]);
    expect(errors).toMatch(message);
  });
});
