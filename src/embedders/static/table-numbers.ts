import type { Section } from './model-plan.js';

/**
 * Adds rows of a table, each times its weight, to a sum, four at a time: so the sum is read and written a quarter as
 * often, which makes it twice as fast. The number of rows must be a multiple of four.
 */
export type AddRows = (sum: Float64Array, rows: readonly number[], weights: readonly number[]) => void;

/** Numbers that stay in the form they have in the file: a half takes two bytes, and becomes a number when it is used. */
export function rowAdder({ dtype, rows, kept }: Section, buffer: SharedArrayBuffer, at: number): AddRows {
  const length = rows * kept;
  switch (dtype) {
    case 'F64':
      return plainAdder(new Float64Array(buffer, at, length), kept);
    case 'F32':
      return plainAdder(new Float32Array(buffer, at, length), kept);
    case 'I8':
      return plainAdder(new Int8Array(buffer, at, length), kept);
    case 'F16':
      return shortAdder(new Uint16Array(buffer, at, length), kept, shortFloats(dtype));
    case 'BF16':
      return shortAdder(new Uint16Array(buffer, at, length), kept, shortFloats(dtype));
    default:
      throw new TypeError(`No rows of ${dtype}`);
  }
}

/** Reads single numbers of a section with one column. */
export function numberReader({ dtype, rows }: Section, buffer: SharedArrayBuffer, at: number): (row: number) => number {
  switch (dtype) {
    case 'I64': {
      const halves = new Int32Array(buffer, at, rows * 2);
      return (row) => (halves[row * 2 + 1] as number) * 2 ** 32 + ((halves[row * 2] as number) >>> 0);
    }
    case 'I32':
      return plainReader(new Int32Array(buffer, at, rows));
    case 'F64':
      return plainReader(new Float64Array(buffer, at, rows));
    case 'F32':
      return plainReader(new Float32Array(buffer, at, rows));
    case 'F16':
    case 'BF16': {
      const floats = shortFloats(dtype);
      const shorts = new Uint16Array(buffer, at, rows);
      return (row) => floats[shorts[row] as number] as number;
    }
    default:
      throw new TypeError(`No numbers of ${dtype}`);
  }
}

function plainAdder(table: Float64Array | Float32Array | Int8Array, columns: number): AddRows {
  return (sum, rows, weights) => {
    for (let four = 0; four < rows.length; four += 4) {
      const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((at) => (rows[four + at] as number) * columns);
      const [p = 0, q = 0, r = 0, s = 0] = weights.slice(four, four + 4);
      for (let at = 0; at < columns; at++) {
        sum[at] =
          (sum[at] as number) +
          (table[a + at] as number) * p +
          (table[b + at] as number) * q +
          (table[c + at] as number) * r +
          (table[d + at] as number) * s;
      }
    }
  };
}

function shortAdder(table: Uint16Array, columns: number, floats: Float32Array): AddRows {
  return (sum, rows, weights) => {
    for (let four = 0; four < rows.length; four += 4) {
      const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map((at) => (rows[four + at] as number) * columns);
      const [p = 0, q = 0, r = 0, s = 0] = weights.slice(four, four + 4);
      for (let at = 0; at < columns; at++) {
        sum[at] =
          (sum[at] as number) +
          (floats[table[a + at] as number] as number) * p +
          (floats[table[b + at] as number] as number) * q +
          (floats[table[c + at] as number] as number) * r +
          (floats[table[d + at] as number] as number) * s;
      }
    }
  };
}

function plainReader(table: Float64Array | Float32Array | Int32Array): (row: number) => number {
  return (row) => table[row] as number;
}

const known = new Map<string, Float32Array>();

/** What each of the 65,536 patterns of two bytes stands for. */
function shortFloats(dtype: 'F16' | 'BF16'): Float32Array {
  let floats = known.get(dtype);
  if (floats === undefined) {
    floats =
      dtype === 'F16'
        ? Float32Array.from({ length: 0x1_0000 }, (_, bits) => halfFloat(bits))
        : new Float32Array(Uint32Array.from({ length: 0x1_0000 }, (_, bits) => bits << 16).buffer);
    known.set(dtype, floats);
  }
  return floats;
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}
