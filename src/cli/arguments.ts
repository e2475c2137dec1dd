import { InvalidArgumentError } from 'commander';

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

// What a timer can wait.
const MAX_MS = 2 ** 31 - 1;

/** Reads an integer from `min` to `max`. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `>= ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Expected an integer ${range}.`);
  };
}

/** Reads a duration such as `30s`, `500ms`, `2m`; milliseconds. */
export function durationMs(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = text === '0' ? 0 : Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms <= MAX_MS) return ms;
  throw new InvalidArgumentError('Expected a duration such as 30s, 500ms or 2m.');
}
