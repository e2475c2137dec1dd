import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectCorpus, queriesFrom } from '../../dist/cli/demo/corpus.js';
import { LatencyLog, quantile } from '../../dist/cli/demo/latencies.js';
import { cutPassages } from '../../dist/cli/demo/passage-cuts.js';
import { type Row, layOut } from '../../dist/cli/demo/result-table.js';

describe('cutPassages', () => {
  const line = fc.oneof(
    fc.constantFrom('', '# Heading', '/** Comment.', 'export interface A {', '  field: string;', '}'),
    fc.string({ maxLength: 120 }).map((text) => text.replaceAll(/[\r\n]/g, ' ')),
    fc.string({ minLength: 901, maxLength: 2_500 }).map((text) => text.replaceAll(/[\r\n]/g, ' ')),
  );

  it('gives passages of 60 to 900 characters, each of them at its line', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 60 }),
        fc.constantFrom('markdown' as const, 'declarations' as const),
        (lines, kind) => {
          for (const cut of cutPassages(lines.join('\n'), kind)) {
            expect(cut.text.length).toBeGreaterThanOrEqual(60);
            expect(cut.text.length).toBeLessThanOrEqual(900);
            const [first = ''] = cut.text.split('\n');
            expect(lines[cut.line - 1]).toContain(first);
          }
        },
      ),
    );
  });

  it('cuts before a heading once a passage is long enough, and not before', () => {
    const paragraph = 'Words that fill a line of this document to some length.\n'.repeat(6);
    const cuts = cutPassages(`# One\n${paragraph}# Two\n${paragraph}`, 'markdown');
    expect(cuts.map(({ text, line: at }) => [text.split('\n')[0], at])).toEqual([
      ['# One', 1],
      ['# Two', 8],
    ]);
    const short = 'A line that is long enough to be kept, but no more than that.';
    expect(cutPassages(`# One\n${short}\n# Two\n${short}`, 'markdown')).toHaveLength(1);
  });
});

describe('collectCorpus', () => {
  it('takes as many passages as it may, all different and in the same order each time', () => {
    const corpus = collectCorpus(400);
    expect(corpus.passages).toHaveLength(400);
    expect(new Set(corpus.passages).size).toBe(400);
    expect(corpus.found).toBeGreaterThan(400);
    expect(corpus.files).toBeGreaterThan(100);
    expect(corpus.bytes).toBe(Buffer.byteLength(corpus.passages.join('')));
    expect(collectCorpus(400).passages).toEqual(corpus.passages);
  });

  it('names the file and the line of each passage, and gives queries of words that stand together in one', () => {
    const { passages } = collectCorpus(400);
    for (const passage of passages) expect(passage).toMatch(/^\S.*\.(?:md|d\.[cm]?ts):\d+\n/);
    const queries = queriesFrom(passages, 20);
    expect(queries).toHaveLength(20);
    for (const query of queries) {
      expect(passages.some((passage) => query.split(' ').every((word) => passage.includes(word)))).toBe(true);
    }
  });
});

describe('latencies', () => {
  it('takes the nearest rank as a quantile', () => {
    expect([0.5, 0.99, 1].map((q) => quantile([1, 2, 3, 4], q))).toEqual([2, 4, 4]);
    expect(quantile([7], 0.5)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('counts a request that was given up as failed, with the time it had taken, and says that the longest was one', () => {
    const log = new LatencyLog();
    log.answered(3, true);
    log.answered(5, false);
    expect(log.summary()).toMatchObject({ requests: 2, failed: 1, maxMs: 5, maxGivenUp: false });
    log.givenUp(9);
    expect(log.summary()).toMatchObject({ requests: 3, failed: 2, p50Ms: 5, maxMs: 9, maxGivenUp: true });
  });
});

describe('layOut', () => {
  const head: Row = ['', 'idle', 'Treadle'];
  const rows: Row[] = [
    ['answered', '1 ms', '12 ms'],
    ['rate', '', '1,234/s'],
  ];

  it('aligns the columns', () => {
    expect(layOut(head, rows, 80)).toEqual([
      '             idle   Treadle',
      '  -------------------------',
      '  answered   1 ms     12 ms',
      '  rate              1,234/s',
    ]);
  });

  it('gives a list where the terminal is too narrow, without what is empty', () => {
    expect(layOut(head, rows, 20)).toEqual([
      'idle:',
      '  answered: 1 ms',
      'Treadle:',
      '  answered: 12 ms',
      '  rate: 1,234/s',
    ]);
  });
});
