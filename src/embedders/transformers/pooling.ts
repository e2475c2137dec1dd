import type { Pooling } from './model-options.js';

/** The vectors of a batch's tokens: rows × length × dimensions numbers. Each row has its own tokens first, then padding. */
export interface TokenMatrix {
  readonly data: Float32Array;
  /** Tokens of a row, padding included. */
  readonly length: number;
  readonly dimensions: number;
}

/** Makes one vector of length 1 of the first `count` tokens of a row. */
export function pool(
  pooling: Exclude<Pooling, 'model'>,
  tokens: TokenMatrix,
  row: number,
  count: number,
  vector: Float32Array,
): void {
  const { data, length, dimensions } = tokens;
  const first = pooling === 'last' ? count - 1 : 0;
  const end = pooling === 'cls' ? 1 : count;
  for (let token = first; token < end; token++) {
    const from = (row * length + token) * dimensions;
    for (let at = 0; at < dimensions; at++) vector[at] = (vector[at] as number) + (data[from + at] as number);
  }
  normalize(vector);
}

/** Makes the length of a vector 1, unless it is 0. */
export function normalize(vector: Float32Array): void {
  let squares = 0;
  for (const number of vector) squares += number * number;
  if (squares === 0) return;
  const scale = 1 / Math.sqrt(squares);
  for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] as number) * scale;
}
