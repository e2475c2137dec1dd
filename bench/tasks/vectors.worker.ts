import { Piscina } from 'piscina';
import { VECTOR_LENGTH, numbers, vector } from './numbers.js';

interface Rows {
  readonly from: number;
  readonly count: number;
  /** Move the memory with `Piscina.move`. */
  readonly moves: boolean;
}

/** The numbers of so many rows in one array, for Piscina. */
export function block({ from, count, moves }: Rows): unknown {
  const array = numbers(from * VECTOR_LENGTH, count * VECTOR_LENGTH);
  return moves ? Piscina.move(array) : array;
}

/** One vector for each row, in memory of its own. */
export function vectors({ from, count, moves }: Rows): unknown {
  const each = Array.from({ length: count }, (_, at) => vector(from + at));
  if (!moves) return each;
  return Piscina.move({
    [Piscina.transferableSymbol]: each.map(({ buffer }) => buffer),
    [Piscina.valueSymbol]: each,
  } as unknown as ArrayBuffer);
}
