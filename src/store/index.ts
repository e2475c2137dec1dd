export { openStore } from './store.js';
export type { NewMemory, Store, StoreOptions } from './store.js';
export type { Memory, MemoryOptions } from './memory.js';
export type { Written } from './memory-writer.js';
export type { SearchHit, SearchOptions } from './search.js';
