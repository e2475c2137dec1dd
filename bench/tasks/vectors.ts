import { hashingEmbedder } from 'treadle/embedders';

const embedder = hashingEmbedder();

/** Numbers in a vector. */
export const DIMENSIONS: number = embedder.dimensions;

/** The vectors of texts, one after the other: what every contestant runs. */
export function embedAll(texts: readonly string[]): Float32Array<ArrayBuffer> {
  return embedder.embed(texts) as Float32Array<ArrayBuffer>;
}

/** The same, as one view a text. */
export function vectorsOf(texts: readonly string[]): Float32Array[] {
  const matrix = embedAll(texts);
  return texts.map((_, row) => matrix.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS));
}
