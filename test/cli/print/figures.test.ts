import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, count, duration, rate } from '../../../dist/cli/print/figures.js';

describe('figures', () => {
  it('are durations as people read them, in one unit', () => {
    const said = new Map([
      [-3, '0 ms'],
      [0, '0 ms'],
      [0.0004, '0 ms'],
      [0.85, '850 ms'],
      [0.9996, '1 s'],
      [1.24, '1.2 s'],
      [9.96, '10 s'],
      [45.4, '45 s'],
      [59.6, '1 m'],
      [200, '3 m'],
      [3_569, '59 m'],
      [3_580, '1 h'],
      [9_000, '2.5 h'],
      [170_000, '47 h'],
      [172_800, '2 d'],
      [100 * 86_400, '100 d'],
    ]);
    for (const [seconds, text] of said) expect(duration(seconds), String(seconds)).toBe(text);
  });

  it('never say a longer duration as a shorter one', () => {
    const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };
    const read = (text: string): number => {
      const [number = '', unit = ''] = text.replaceAll(',', '').split(' ');
      return Number(number) * (units[unit] as number);
    };
    const seconds = fc.double({ min: 0, max: 1e8, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(read(duration(less))).toBeLessThanOrEqual(read(duration(more)) * (1 + 1e-9));
      }),
    );
    fc.assert(
      fc.property(seconds, (each) => {
        expect(Math.abs(read(duration(each)) - each)).toBeLessThanOrEqual(Math.max(0.0005, each / 3));
      }),
    );
  });

  it('are numbers, rates and bytes with few digits', () => {
    expect([count(0), count(1_234_567.4)]).toEqual(['0', '1,234,567']);
    expect([rate(0.254), rate(0.996), rate(3.52), rate(1_234.4)]).toEqual(['0.25/s', '1/s', '3.5/s', '1,234/s']);
    expect([bytes(0), bytes(1_023), bytes(1_024), bytes(1_536), bytes(50_331_648), bytes(1_073_741_823)]).toEqual([
      '0 B',
      '1,023 B',
      '1 KiB',
      '1.5 KiB',
      '48 MiB',
      '1 GiB',
    ]);
  });
});
