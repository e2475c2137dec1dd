import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bar } from '../../../dist/cli/print/bar.js';

describe('a bar', () => {
  it('shows eighths of a cell, and the percentage behind it', () => {
    expect(bar(0, 4)).toBe('░░░░   0 %');
    expect(bar(0.5, 4)).toBe('██░░  50 %');
    expect(bar(0.54, 4)).toBe('██▏░  54 %');
    expect(bar(1, 4)).toBe('████ 100 %');
    expect(bar(null, 4)).toBe('');
    expect(bar(0.5, 0)).toBe(' 50 %');
  });

  it('is as wide whatever it shows, and full only when all is done', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 40 }), (fraction, width) => {
        const drawn = bar(fraction, width);
        expect(drawn).toHaveLength(width + ' 100 %'.length);
        expect(drawn.endsWith('100 %')).toBe(fraction === 1);
        expect(drawn.startsWith('█'.repeat(width))).toBe(fraction === 1);
      }),
    );
  });
});
