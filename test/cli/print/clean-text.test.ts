import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanJson, cleanLine, cleanLines } from '../../../dist/cli/print/clean-text.js';

/** What a terminal would obey. */
// oxlint-disable-next-line no-control-regex -- these are what it is about
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

// Texts full of what matters here.
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u001b[31m',
      '\u001b]0;title\u0007',
      '\u009b2J',
      '\r',
      '\n',
      '\u0000',
      '\u007f',
      '\u202e',
      '\u2028',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

describe('clean text', () => {
  it('keeps words of any language, and is one line', () => {
    expect(cleanLine('naïve 編集 👩‍💻 שלום')).toBe('naïve 編集 👩‍💻 שלום');
    expect(cleanLine('one\r\ntwo\tthree')).toBe('one two three');
  });

  it('has nothing that moves the cursor, colours or renames the window', () => {
    expect(cleanLine('\u001b[2J\u001b[31mred\u001b[0m')).toBe('red');
    expect(cleanLine('a\bb\u0007c\u202ed')).toBe('a\ufffdb\ufffdc\ufffdd');
    fc.assert(
      fc.property(nasty, (text) => {
        expect(cleanLine(text)).not.toMatch(OBEYED);
        expect(cleanLines(text).join('')).not.toMatch(OBEYED);
      }),
    );
  });

  it('is JSON that means the same', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const value = { [text]: [text, 1, null] };
        expect(cleanJson(value)).not.toMatch(OBEYED);
        expect(JSON.parse(cleanJson(value))).toEqual(value);
        expect(JSON.parse(cleanJson(value, 2))).toEqual(value);
      }),
    );
  });
});
