import { inspect } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ThrownMessage, reviveThrown, serializeThrown } from '../../dist/engine/protocol.js';

/** There and back, as it goes between threads. */
function crossed(thrown: unknown): Error & Record<string, unknown> {
  return reviveThrown(structuredClone(serializeThrown(thrown))) as Error & Record<string, unknown>;
}

class RowError extends RangeError {
  override readonly name = 'RowError';
  readonly code = 'E_ROW';
  readonly row = 7;
  readonly place = { file: 'a.txt', lines: [1, 2] };
}

describe('an error that crosses threads', () => {
  it('keeps name, message, code, stack and own fields of a subclass', () => {
    const thrown = new RowError('a bad row');
    const error = crossed(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'RowError',
      message: 'a bad row',
      code: 'E_ROW',
      row: 7,
      place: { file: 'a.txt', lines: [1, 2] },
    });
    expect(error.stack).toBe(thrown.stack);
    expect(String(error)).toBe('RowError: a bad row');
  });

  it.each([TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError])('stays a %o', (Kind) => {
    const error = crossed(new Kind('no'));
    expect(error).toBeInstanceOf(Kind);
    expect(error).toMatchObject({ name: Kind.name, message: 'no' });
  });

  it('keeps the chain of causes, and what was thrown as a cause without being an error', () => {
    const error = crossed(new Error('outer', { cause: new TypeError('middle', { cause: 'just text' }) }));
    const middle = error.cause as Error;
    expect(middle).toBeInstanceOf(TypeError);
    expect(middle.message).toBe('middle');
    expect((middle.cause as Error).message).toBe('just text');
  });

  it('keeps the errors of an AggregateError', () => {
    const error = crossed(new AggregateError([new RowError('one'), 'two', null], 'three failed'));
    expect(error).toBeInstanceOf(AggregateError);
    const inner = (error as unknown as AggregateError).errors as Error[];
    expect(inner.map(({ name, message }) => `${name}: ${message}`)).toEqual([
      'RowError: one',
      'Error: two',
      'Error: null',
    ]);
  });

  it('keeps numbers as code, and name and code of a DOMException', () => {
    expect(crossed(Object.assign(new Error('no'), { code: 404 })).code).toBe(404);
    const error = crossed(new DOMException('too late', 'TimeoutError'));
    expect(error).toMatchObject({ name: 'TimeoutError', message: 'too late', code: DOMException.TIMEOUT_ERR });
  });

  it('is known as an error when it comes from another realm', () => {
    const context = createContext({});
    const thrown: unknown = runInContext(
      'Object.assign(new TypeError("from far"), { code: "E_FAR", row: 3 })',
      context,
    );
    expect(thrown).not.toBeInstanceOf(Error);
    const error = crossed(thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'from far', code: 'E_FAR', row: 3 });
    expect(error.stack).toContain('from far');
  });

  it('keeps every own field that can be cloned, and leaves out the others', () => {
    const fields = { when: new Date(5), tags: new Map([['a', 1]]), big: 2n ** 70n, nothing: undefined, none: null };
    const bad = { method: () => 1, symbol: Symbol('x'), promise: Promise.resolve() };
    const error = crossed(Object.assign(new Error('no'), fields, bad));
    expect(error).toMatchObject(fields);
    for (const key of Object.keys(bad)) expect(error).not.toHaveProperty(key);
  });

  it('keeps a field that refers to itself', () => {
    const graph: Record<string, unknown> = { size: 1 };
    graph['self'] = graph;
    const kept = crossed(Object.assign(new Error('no'), { graph }))['graph'];
    expect(kept).toMatchObject({ size: 1 });
    expect((kept as typeof graph)['self']).toBe(kept);
  });

  it('does not carry a field of many bytes', () => {
    const text = 'x'.repeat(100_000);
    const large = { text, bytes: new Uint8Array(100_000), map: new Map([[1, text]]), set: new Set([text]) };
    const error = crossed(Object.assign(new Error('no'), large, { row: 1 }));
    expect(error).toHaveProperty('row', 1);
    for (const key of Object.keys(large)) expect(error).not.toHaveProperty(key);
  });
});

describe('something thrown that is no error', () => {
  it.each([
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a string', 'just a string', 'just a string'],
    ['a number', 42, '42'],
    ['a bigint', 42n, '42n'],
    ['a symbol', Symbol('stop'), 'Symbol(stop)'],
    ['an object', { status: 404 }, '{ status: 404 }'],
    ['a function', function fail() {}, '[Function: fail]'],
  ])('is told in words: %s', (_, thrown, words) => {
    expect(serializeThrown(thrown)).toEqual({ name: 'Error', message: words, notAnError: true });
    expect(crossed(thrown).message).toBe(words);
  });

  it('is told in few words, however large', () => {
    const message = serializeThrown({ rows: Array.from({ length: 100_000 }, (_, at) => `row ${at}`) }).message;
    expect(message.length).toBeLessThan(5_000);
  });
});

const throws = (): never => {
  throw new Error('hostile');
};
const hostileTraps = {
  get: throws,
  has: throws,
  ownKeys: throws,
  getPrototypeOf: throws,
  getOwnPropertyDescriptor: throws,
};

function withGetter(key: PropertyKey): Error {
  return Object.defineProperty(new Error('before'), key, { get: throws, enumerable: true });
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('whatever is thrown', () => {
  it.each<readonly [string, unknown]>([
    ...['message', 'name', 'stack', 'code', 'cause', 'errors', 'row'].map(
      (key) => [`an error whose ${key} throws`, withGetter(key)] as const,
    ),
    ['a proxy whose every trap throws', new Proxy(new Error('x'), hostileTraps)],
    ['a proxy of a plain object whose every trap throws', new Proxy({}, hostileTraps)],
    ['a revoked proxy', revoked()],
    ['an object that can not be shown', { [inspect.custom]: throws }],
    ['an error with a hostile cause', new Error('outer', { cause: withGetter('message') })],
    ['an error with a revoked proxy as errors', Object.assign(new Error('x'), { errors: revoked() })],
    [
      'an error with odd fields',
      Object.assign(new Error('x'), { name: 5, stack: {}, code: {}, cause: null, errors: [revoked()] }),
    ],
    ['an error without prototype', Object.setPrototypeOf(new Error('x'), null)],
  ])('is serialised without throwing: %s', (_, thrown) => {
    const error = crossed(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(typeof error.message).toBe('string');
    expect(typeof error.name).toBe('string');
  });

  it('keeps what can be read of an error of which something can not', () => {
    expect(crossed(withGetter('row')).message).toBe('before');
    expect(crossed(withGetter('code')).message).toBe('before');
    expect(crossed(withGetter('message'))).toMatchObject({ name: 'Error' });
  });

  it('ends where causes go round in circles, and stays small', () => {
    const first: Error = new Error('first');
    const second = new Error('second', { cause: first });
    first.cause = second;
    const message = serializeThrown(first);
    expect([message.message, message.cause?.message, message.cause?.cause?.message]).toEqual([
      'first',
      'second',
      'first',
    ]);
    expect(count(message)).toBeLessThanOrEqual(20);
    const many = new AggregateError([], 'many');
    many.errors = [many, many, many, many];
    const all = serializeThrown(many);
    expect([all.name, all.message, all.errors?.[0]?.message]).toEqual(['AggregateError', 'many', 'many']);
    expect(count(all)).toBeLessThanOrEqual(1_000);
  });

  it('comes out as an error with text, for anything at all', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    const key = fc.constantFrom(
      'message',
      'name',
      'stack',
      'code',
      'cause',
      'errors',
      'fields',
      'toString',
      '__proto__',
      'constructor',
      'row',
    );
    const odd = fc.array(fc.tuple(key, anything), { maxLength: 6 }).map((entries) => {
      const error = new Error('before');
      // Made on the first look, from name and message: later it might fail here, in the test.
      expect(error.stack).toContain('before');
      for (const [name, value] of entries)
        Object.defineProperty(error, name, { value, enumerable: true, configurable: true });
      return error;
    });
    fc.assert(
      fc.property(fc.oneof(anything, odd), (thrown) => {
        const error = crossed(thrown);
        expect(error).toBeInstanceOf(Error);
        expect([typeof error.message, typeof error.name]).toEqual(['string', 'string']);
      }),
      { numRuns: 300 },
    );
  });
});

function count(message: ThrownMessage): number {
  const cause = message.cause === undefined ? 0 : count(message.cause);
  return 1 + cause + (message.errors ?? []).reduce((sum, error) => sum + count(error), 0);
}
