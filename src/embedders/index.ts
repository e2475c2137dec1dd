export type { Embedder } from './embedder.js';
export { loadEmbedder } from './embedder-module.js';
export type { EmbedderModule } from './embedder-module.js';
export { hashingEmbedder } from './hashing-embedder.js';
export type { HashingOptions } from './hashing-embedder.js';
