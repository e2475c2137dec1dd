import { expect } from 'vitest';
import { TreadleError } from 'treadle';

/** A value that is refused somewhere, and how an error message shows it. */
export type BadValue = readonly [shown: string, value: unknown];

export const NO_INTEGER: readonly BadValue[] = [
  ['1.5 (number)', 1.5],
  ['NaN (number)', Number.NaN],
  ['Infinity (number)', Infinity],
  ['"3" (string)', '3'],
  ['null', null],
  ['true (boolean)', true],
  ['an array of 1', [3]],
  ['3 (bigint)', 3n],
];
export const ZERO: BadValue = ['0 (number)', 0];
export const NEGATIVE: BadValue = ['-2 (number)', -2];
export const NO_DURATION: readonly BadValue[] = [
  NEGATIVE,
  ['NaN (number)', Number.NaN],
  ['"3" (string)', '3'],
  ['null', null],
  ['an object (Date)', new Date()],
];
export const NO_OBJECT: readonly BadValue[] = [
  ['5 (number)', 5],
  ['"text" (string)', 'text'],
  ['an array of 0', []],
  ['null', null],
];
export const NO_FUNCTION: readonly BadValue[] = [
  ['5 (number)', 5],
  ['an object (Object)', {}],
  ['null', null],
];
/** No name of 1 to 256 characters. */
export const NO_KEY: readonly BadValue[] = [
  ['"" (string)', ''],
  [`"${'x'.repeat(60)}…" (string)`, 'x'.repeat(257)],
  ['5 (number)', 5],
  ['null', null],
  ['an object (Object)', {}],
];
export const NO_NAME: readonly BadValue[] = [
  ['5 (number)', 5],
  ['null', null],
  ['an object (Object)', {}],
];

/** `nested('a.b', 1)` is `{ a: { b: 1 } }`. */
export function nested(path: string, value: unknown): Record<string, unknown> {
  const keys = path.split('.');
  return keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
}

/** One row for each pair of a name and a bad value, for `it.each`. */
export function rows(
  table: Readonly<Record<string, readonly BadValue[]>>,
): [name: string, shown: string, value: unknown][] {
  return Object.entries(table).flatMap(([name, values]) =>
    values.map(([shown, value]) => [name, shown, value] as [string, string, unknown]),
  );
}

/** Expects that a call is refused, at once or by its promise, with an error that names what was expected and what came. */
export async function expectRefused(call: () => unknown, name: string, shown: string): Promise<TreadleError> {
  let refusal: unknown = null;
  try {
    await call();
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(TreadleError);
  const error = refusal as TreadleError;
  expect(error.code).toBe('INVALID_ARGUMENT');
  expect(error.message).toMatch(/^Expected `.+` to (?:be|have) .+, got /);
  expect(error.message).toContain(name);
  expect(error.message).toContain(`got ${shown}`);
  return error;
}
