import { stripVTControlCharacters, styleText } from 'node:util';
import { describe, expect, it } from 'vitest';
import { table } from '../../../dist/cli/print/table.js';

const COLUMNS = [{ title: 'TASK' }, { title: 'STAGE', shrinkTo: 6 }, { title: 'DONE', align: 'right' }] as const;

describe('a table', () => {
  it('aligns its columns, without borders or blanks at the ends of lines', () => {
    const lines = table(
      COLUMNS,
      [
        ['a', 'reading', '5'],
        ['bcd', 'it', '1,000'],
      ],
      Infinity,
    );
    expect(lines).toEqual(['TASK  STAGE     DONE', 'a     reading      5', 'bcd   it       1,000']);
  });

  it('cuts the widest of the columns that may shrink where it is too wide, and no other', () => {
    const rows = [['V1StGXR8_Z5jdHi6B-myT', 'reading all the files there are', '12']];
    const lines = table(COLUMNS, rows, 50);
    expect(lines[1]).toMatch(/^V1StGXR8_Z5jdHi6B-myT {2}reading all the .*… {4}12$/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(50);
    const [, narrow = ''] = table(COLUMNS, rows, 10);
    expect(narrow).toMatch(/^V1StGXR8_Z5jdHi6B-myT {2}readi… {4}12$/);
  });

  it('leaves out what is empty, and where there is still too little room what it may', () => {
    const columns = [
      { title: 'A' },
      { title: 'B', drop: 1 },
      { title: 'C' },
      { title: 'D', drop: 2 },
      { title: 'E', drop: 1 },
    ];
    const rows = [['a', 'bbbbb', '', 'ddddd', 'eeeee']];
    expect(table(columns, rows, Infinity)[0]).toBe('A  B      D      E');
    expect(table(columns, rows, 22)[0]).toBe('A  B      D      E');
    expect(table(columns, rows, 21)[0]).toBe('A  B      E');
    expect(table(columns, rows, 10)).toEqual(['A  B', 'a  bbbbb']);
    expect(table(columns, rows, 0)).toEqual(['A', 'a']);
  });

  it('knows how wide wide characters are, and that colours take no room', () => {
    const [head = '', wide = '', coloured = ''] = table(
      COLUMNS,
      [
        ['a', '編集中', '1'],
        ['b', styleText('red', 'failed'), '2'],
      ],
      Infinity,
    );
    expect(head).toBe('TASK  STAGE   DONE');
    expect(wide).toBe('a     編集中     1');
    expect(stripVTControlCharacters(coloured)).toBe('b     failed     2');
    expect(coloured).toContain(styleText('red', 'failed'));
  });
});
