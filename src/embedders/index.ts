export type { Embedder } from './embedder.js';
export { hashingEmbedder } from './hashing-embedder.js';
export type { HashingOptions } from './hashing-embedder.js';
