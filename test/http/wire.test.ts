import { describe, expect, test } from 'vitest';
import { toJson } from '../../dist/http/wire-json.js';
import { Refusal, refusalOf } from '../../dist/http/refusal.js';
import { TreadleError } from 'treadle';

describe('toJson', () => {
  test.each<[string, unknown, unknown]>([
    ['plain values', { a: [1, 'b', null, true] }, { a: [1, 'b', null, true] }],
    ['nothing', undefined, null],
    ['numbers that JSON lacks', [Number.NaN, Infinity, -0], [null, null, 0]],
    ['bigints', [1n, 2n ** 60n], [1, '1152921504606846976']],
    [
      'typed arrays',
      { vector: Float32Array.of(0.5, 2), bytes: Uint8Array.of(1, 2) },
      { vector: [0.5, 2], bytes: [1, 2] },
    ],
    ['memory', new Uint8Array([7, 8]).buffer, [7, 8]],
    ['views of memory', new DataView(new Uint8Array([6, 7, 8]).buffer, 1), [7, 8]],
    ['sets', new Set([1, new Set(['a'])]), [1, ['a']]],
    ['maps by text', new Map([['a', new Map([['b', 1]])]]), { a: { b: 1 } }],
    ['maps by anything', new Map([[1, 'a']]), [[1, 'a']]],
    ['dates', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['errors', new RangeError('far'), { name: 'RangeError', message: 'far' }],
    ['what is undefined inside', { a: undefined, b: [undefined] }, { b: [null] }],
  ])('%s', (_, value, json) => {
    expect(toJson(value)).toEqual(json);
  });

  test('what refers to itself can not be said', () => {
    const self: unknown[] = [];
    self.push(self);
    expect(toJson(self)).toBeUndefined();
  });

  test('nor what would be far more than it is, because it has one thing in many places', () => {
    let twice: unknown = 'a few words';
    for (let at = 0; at < 20; at++) twice = [twice, twice];
    expect(toJson(twice)).toBeUndefined();
    const text = ['x'.repeat(1_000)];
    expect(toJson(Array.from({ length: 300 }, () => text))).toBeUndefined();
  });

  test('all that a result may be is said', () => {
    expect(toJson(new Uint8Array(65_536))).toHaveLength(65_536);
    expect(toJson('\u0001'.repeat(65_536))).toHaveLength(65_536);
    expect(toJson(Array.from({ length: 7_000 }, () => new Date(0)))).toHaveLength(7_000);
    expect(
      Object.keys(toJson(new Map(Array.from({ length: 4_000 }, (_, at) => [`key ${at}`, at]))) as object),
    ).toHaveLength(4_000);
  });

  test('nor what is nested too deeply', () => {
    let deep: unknown = 1;
    for (let at = 0; at < 100_000; at++) deep = [deep];
    expect(toJson(deep)).toBeUndefined();
  });
});

describe('refusalOf', () => {
  test.each<[ConstructorParameters<typeof TreadleError>[0], string | null, number | null]>([
    ['INVALID_ARGUMENT', 'INVALID_ARGUMENT', 400],
    ['UNKNOWN_TASK_TYPE', 'INVALID_ARGUMENT', 400],
    ['UNSERIALIZABLE', 'INVALID_ARGUMENT', 400],
    ['DUPLICATE_TASK', 'CONFLICT', 409],
    ['NOT_RERUNNABLE', 'FAILED_PRECONDITION', 412],
    ['QUEUE_FULL', 'RESOURCE_EXHAUSTED', 429],
    ['CLOSED', 'UNAVAILABLE', 503],
    ['TASK_FAILED', null, null],
  ])('%s', (code, wire, status) => {
    const refusal = refusalOf(new TreadleError(code, 'a message', { taskId: 'id' }));
    expect([refusal?.code ?? null, refusal?.status ?? null]).toEqual([wire, status]);
  });

  test('facts have the names of the wire', () => {
    const error = new TreadleError('QUEUE_FULL', 'a message', { details: { maxPendingPerOwner: 3 } });
    expect(refusalOf(error)?.details).toEqual({ max_pending_per_owner: 3 });
  });

  test('a secret in a message does not go out', async () => {
    const refusal = refusalOf(new TreadleError('INVALID_ARGUMENT', 'got password=hunter2secret')) as Refusal;
    expect(await refusal.response().text()).not.toContain('hunter2');
  });

  test('other errors are nobody’s business', () => {
    expect(refusalOf(new Error('disk full'))).toBeNull();
  });
});
