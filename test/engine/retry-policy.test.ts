import * as fc from 'fast-check';
import { TreadleError, type TreadleErrorCode } from 'treadle';
import { describe, expect, it } from 'vitest';
import { type Backoff, Retries, resolveBackoff } from '../../dist/engine/retry-policy.js';

const failure = (code: TreadleErrorCode = 'TASK_FAILED', details?: Record<string, unknown>): TreadleError =>
  new TreadleError(code, 'it failed', { details });

const retries = (
  max: number,
  backoff?: Backoff,
  random = (): number => 0.5,
  onError: (error: unknown) => void = () => {},
) => new Retries({ retries: max, retryDelay: resolveBackoff('backoff', backoff) }, random, onError);

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const milliseconds = fc.double({ min: 0, max: 1e6, noNaN: true });

describe('the wait before a retry', () => {
  it('is a random share of a bound that doubles from the base to the cap', () => {
    fc.assert(
      fc.property(milliseconds, milliseconds, fc.nat(60), fraction, (baseMs, maxMs, failures, share) => {
        const waitMs = retries(Infinity, { baseMs, maxMs }, () => share).delayMs(failures, failure());
        expect(waitMs).toBeCloseTo(share * Math.min(maxMs, baseMs * 2 ** failures), 5);
      }),
    );
  });

  it('is bounded by 100 ms at first and 20 s in the end, where nothing was said', () => {
    const policy = retries(Infinity, undefined, () => 1);
    expect([0, 1, 2, 7, 8, 1_100].map((failures) => policy.delayMs(failures, failure()))).toEqual([
      100, 200, 400, 12_800, 20_000, 20_000,
    ]);
    expect(retries(1, { baseMs: 5 }, () => 1).delayMs(0, failure())).toBe(5);
    expect(retries(9, { maxMs: 150 }, () => 1).delayMs(8, failure())).toBe(150);
  });

  it('is what a function says, of the number of the attempt that failed and its error', () => {
    const asked: unknown[] = [];
    const error = failure();
    const policy = retries(3, (...given) => (asked.push(given), 17));
    expect([0, 1, 2, 3].map((failures) => policy.delayMs(failures, error))).toEqual([17, 17, 17, null]);
    expect(asked).toEqual([
      [1, error],
      [2, error],
      [3, error],
    ]);
  });

  it.each<[string, () => unknown]>([
    ['NaN', () => Number.NaN],
    ['-1', () => -1],
    ['-Infinity', () => -Infinity],
    ['undefined', () => undefined],
    ['a string', () => '5'],
    ['a bigint', () => 5n],
    ['a promise', () => Promise.resolve(5)],
    [
      'an error',
      () => {
        throw new RangeError('no idea');
      },
    ],
  ])('is the default where a function gives %s, and that is told', (_, give) => {
    const told: unknown[] = [];
    const policy = retries(
      9,
      give as () => number,
      () => 0.5,
      (error) => told.push(error),
    );
    expect(policy.delayMs(3, failure())).toBe(400);
    expect(told).toEqual([expect.any(Error)]);
  });

  it('is never, where a function says Infinity', () => {
    expect(retries(9, () => Infinity).delayMs(0, failure())).toBeNull();
  });

  it('needs no random numbers to be had', () => {
    const told: unknown[] = [];
    const policy = retries(
      9,
      undefined,
      () => {
        throw new Error('no entropy');
      },
      (error) => told.push(error),
    );
    expect(policy.delayMs(0, failure())).toBeGreaterThanOrEqual(0);
    expect(told).toEqual([new Error('no entropy')]);
  });
});

describe('what failed is tried again', () => {
  it('as often as the policy says, the free tries among them at once', () => {
    fc.assert(
      fc.property(fc.nat(6), fc.nat(3), fc.nat(8), (max, free, failures) => {
        const waitMs = retries(max, () => 7).delayMs(failures, failure(), free);
        expect(waitMs).toBe(failures >= Math.max(max, free) ? null : failures < free ? 0 : 7);
        expect(retries(max).left(failures)).toBe(failures < max);
      }),
    );
  });

  it.each<[TreadleErrorCode, boolean]>([
    ['TASK_FAILED', true],
    ['TASK_TIMEOUT', true],
    ['WORKER_EXITED', true],
    ['WORKER_OUT_OF_MEMORY', true],
    ['TASK_MODULE_FAILED', false],
    ['UNSERIALIZABLE', false],
    ['INVALID_ARGUMENT', false],
    ['TASK_EXPIRED', false],
  ])('after %s: %s', (code, again) => {
    expect(retries(1).delayMs(0, failure(code)) !== null).toBe(again);
    expect(retries(0).delayMs(0, failure(code), 1) !== null).toBe(again);
  });

  it('never where its error says that it is for good, and nobody is asked', () => {
    const asked: unknown[] = [];
    const policy = retries(5, (attempt) => (asked.push(attempt), 0));
    expect(policy.delayMs(0, failure('TASK_FAILED', { permanent: true }), 1)).toBeNull();
    expect(policy.delayMs(0, failure('TASK_FAILED', { permanent: 'yes' }))).toBe(0);
    expect(asked).toEqual([1]);
  });
});
