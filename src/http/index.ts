export type { ApiApp } from './api-context.js';
export { type Authenticate, type Caller, type Identity, apiKeys } from './caller.js';
export { type MetricsSource, type StreamCounts, type TaskApiOptions } from './options.js';
export { type TaskApi, createTaskApi } from './task-api.js';
