export { memoryTasks } from './memory-tasks.js';
export type { MemoryTasks, MemoryTasksOptions } from './memory-tasks.js';
export type { EmbedderModule } from './memory-data.js';
export type { EmbedBatchInput, RebuildInput } from './inputs.js';
export type { EmbedBatchResult } from './embed-batch.js';
export type { RebuildResult } from './rebuild-fts-index.js';
