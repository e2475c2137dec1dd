export { type Authenticate, type Identity, apiKeys } from './caller.js';
export { type MetricsSource, type TaskApiOptions } from './options.js';
export { type TaskApi, createTaskApi } from './task-api.js';
