import { endianness } from 'node:os';

// A vector is stored as little-endian float32 numbers; elsewhere than on big-endian machines that is how memory has it.
const SWAP = endianness() === 'BE';

/** Vector `index` of a row-major matrix, as it is stored. Shares memory with the matrix where it can. */
export function vectorBlob(matrix: Float32Array, index: number, dimensions: number): Buffer {
  const blob = Buffer.from(matrix.buffer, matrix.byteOffset + index * dimensions * 4, dimensions * 4);
  return SWAP ? Buffer.from(blob).swap32() : blob;
}

/** A stored vector. Shares memory with the blob where it can. */
export function vectorOf(blob: Buffer): Float32Array {
  const bytes = SWAP ? Buffer.from(blob).swap32() : blob;
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(new Uint8Array(bytes).buffer);
}
