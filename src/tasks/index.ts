export { memoryTasks } from './memory-tasks.js';
export type { MemoryTasks, MemoryTasksOptions } from './memory-tasks.js';
export type { EmbedderModule } from '../embedders/embedder-module.js';
export type { EmbedBatchInput, RebuildInput } from './inputs.js';
export type { EmbedBatchResult } from './embed-batch.js';
export type { RebuildResult } from './rebuild-fts-index.js';
