/** Numbers in a vector. */
export const VECTOR_LENGTH = 384;

/** The numbers that all contestants return: cheap to make, all different, exact as a 32-bit float. */
export function numberAt(at: number): number {
  return Math.imul(at, 0x9e3779b1) >>> 8;
}

/** Numbers `from` to `from + count`. */
export function numbers(from: number, count: number): Float32Array<ArrayBuffer> {
  const array = new Float32Array(count);
  for (let at = 0; at < count; at++) array[at] = numberAt(from + at);
  return array;
}

/** The vector with the number `row`, in memory of its own. */
export function vector(row: number): Float32Array<ArrayBuffer> {
  return numbers(row * VECTOR_LENGTH, VECTOR_LENGTH);
}

/** So many vectors from the number `row` on, as views of one block. */
export function viewsOfBlock(row: number, count: number): Float32Array<ArrayBuffer>[] {
  const block = numbers(row * VECTOR_LENGTH, count * VECTOR_LENGTH);
  return Array.from({ length: count }, (_, at) => block.subarray(at * VECTOR_LENGTH, (at + 1) * VECTOR_LENGTH));
}
