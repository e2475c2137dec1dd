import { invalidArgument } from '../engine/errors.js';

/** Turns texts into vectors. */
export interface Embedder {
  /**
   * Stored with each vector, so that vectors of different models never meet: it must change with everything that
   * changes the vectors.
   */
  readonly name: string;
  /** Numbers in a vector. */
  readonly dimensions: number;
  /** One L2-normalised vector a text, one after the other: texts × dimensions numbers, row-major. */
  embed(texts: readonly string[]): Float32Array | Promise<Float32Array>;
  /**
   * The same for queries, where a model wants them told from what they are compared with. @default `embed`
   */
  embedQueries?(queries: readonly string[]): Float32Array | Promise<Float32Array>;
  /** Gives back what it holds; called when its thread retires. */
  close?(): void | Promise<void>;
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkEmbedder(name: string, value: unknown): Embedder {
  const { name: model, dimensions, embed } = (value ?? {}) as Partial<Embedder>;
  if (typeof model !== 'string' || model === '' || typeof embed !== 'function') {
    throw invalidArgument(name, 'an embedder { name, dimensions, embed }', value);
  }
  if (!Number.isSafeInteger(dimensions) || (dimensions as number) < 1) {
    throw invalidArgument(`${name}.dimensions`, 'an integer >= 1', dimensions);
  }
  return value as Embedder;
}

/** One embedder, several or none, as a list. @throws TreadleError INVALID_ARGUMENT */
export function checkEmbedders(name: string, value: unknown): readonly Embedder[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [checkEmbedder(name, value)];
  return value.map((each, at) => checkEmbedder(`${name}[${at}]`, each));
}

/** Embeds, and makes sure that what came back has the right shape. @throws TypeError when it has not. */
export async function embedTexts(embedder: Embedder, texts: readonly string[]): Promise<Float32Array> {
  return checkMatrix(embedder, texts.length, await embedder.embed(texts));
}

/** The vector of a query. @throws TypeError when what came back has not the right shape. */
export async function embedQuery(embedder: Embedder, query: string): Promise<Float32Array> {
  return checkMatrix(embedder, 1, await (embedder.embedQueries?.([query]) ?? embedder.embed([query])));
}

function checkMatrix({ name, dimensions }: Embedder, texts: number, matrix: unknown): Float32Array {
  if (matrix instanceof Float32Array && matrix.length === texts * dimensions) return matrix;
  const got = matrix instanceof Float32Array ? `${matrix.length}` : `a value of type ${typeof matrix}`;
  throw new TypeError(
    `Expected embedder "${name}" to return a Float32Array of ${texts} × ${dimensions} numbers, got ${got}`,
  );
}
