import * as fc from 'fast-check';
import { range } from 'treadle';
import { describe, expect, it } from 'vitest';
import { bytesUpTo } from '../../dist/engine/cloneable.js';
import { KeptInputs } from '../../dist/engine/kept-inputs.js';

const work = (input: unknown, items: readonly unknown[] | null = null) => ({ work: { input, items }, undone: null });

describe('kept inputs', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ keep: fc.nat(700) }) },
    { weight: 1, arbitrary: fc.record({ forget: fc.nat(40) }) },
  );

  it('never take more than their room: the oldest go first, and what is too large never comes in', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const kept = new KeptInputs(8_000);
        let expected: { id: string; bytes: number }[] = [];
        const total = (): number => expected.reduce((sum, { bytes }) => sum + bytes, 0);
        for (const [at, what] of steps.entries()) {
          if ('forget' in what) {
            kept.forget(`task ${what.forget}`);
            expected = expected.filter(({ id }) => id !== `task ${what.forget}`);
          } else {
            const text = 'x'.repeat(what.keep);
            const bytes = bytesUpTo([text, null, undefined], 500);
            expect(kept.keep(`task ${at}`, work(text))).toBe(bytes <= 500);
            if (bytes <= 500) expected.push({ id: `task ${at}`, bytes });
            while (total() > 8_000) expected.shift();
          }
          expect(kept.bytes).toBe(total());
          expect(kept.bytes).toBeLessThanOrEqual(8_000);
          const there = steps.flatMap((_, index) => (kept.get(`task ${index}`) === undefined ? [] : [`task ${index}`]));
          expect(there.toSorted()).toEqual(expected.map(({ id }) => id).toSorted());
        }
      }),
    );
  });

  it('keep nothing where there is no room, and forget what they do not have', () => {
    const kept = new KeptInputs(0);
    expect(kept.keep('a', work(undefined))).toBe(false);
    kept.forget('a');
    expect([kept.bytes, kept.get('a')]).toEqual([0, undefined]);
  });

  it('are given back as they were', () => {
    const kept = new KeptInputs(10_000);
    const given = { work: { input: { a: 1 }, items: range(0, 1e9), timeoutMs: 7 }, undone: [{ from: 3, to: 5 }] };
    expect(kept.keep('a', given)).toBe(true);
    const { work: again, undone } = kept.get('a') ?? {};
    expect(again === given.work && undone === given.undone).toBe(true);
  });

  it('count which items were not done: a task that left out every second one takes room', () => {
    const kept = new KeptInputs(16_000);
    const undone = Array.from({ length: 100 }, (_, at) => ({ from: 2 * at, to: 2 * at + 1 }));
    expect(kept.keep('a', { ...work(undefined, []), undone })).toBe(false);
  });

  it.each<[string, unknown]>([
    [
      'that throws when it is looked at',
      {
        get input(): never {
          throw new Error('no');
        },
      },
    ],
    ['deeper than the stack', Array.from({ length: 200_000 }).reduce<unknown>((inner) => [inner], [])],
    ['as large as its buffer', new Float64Array(1_000)],
  ])('refuse an input %s', (_, input) => {
    const kept = new KeptInputs(16 * 2_000);
    expect(kept.keep('a', work(input))).toBe(false);
    expect(kept.bytes).toBe(0);
  });
});
