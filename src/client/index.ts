export { type OnDuplicate } from '../engine/task-type.js';
export { type TaskStatus } from '../engine/task-record.js';
export { type WireErrorCode } from '../http/wire-answer.js';
export { type WireLog, type WireStats, type WireThread, type WireTypeStats } from '../http/wire-calls.js';
export { type WireEvent, type WireEventName, type WireEvents, type WireReset } from '../http/wire-event.js';
export { type JsonValue } from '../http/wire-json.js';
export { type WireFailedItem, type WireMessage, type WireRecord } from '../http/wire-record.js';
export {
  type CallOptions,
  type ClientFilter,
  type EventsOptions,
  type RerunCallOptions,
  type ResultsOptions,
  type ScopedCallOptions,
} from './call-options.js';
export { type ClientClock } from './client-clock.js';
export { TaskClientError, type TaskClientErrorCode } from './client-error.js';
export { type StreamRetry, type TaskClientOptions } from './client-options.js';
export { type ClientRecord, type ClientSettledRecord } from './client-record.js';
export { type ClientTask } from './client-task.js';
export { type JsonOf } from './json-of.js';
export { type ClientResult, type ClientSubmitOptions, type ClientSubmitPolicy } from './submit-options.js';
export {
  type AnyTaskClient,
  type ClientGroupPage,
  type ClientPage,
  type TaskClient,
  createTaskClient,
} from './task-client.js';
export { type WaitOptions, type WatchOptions } from './task-watch.js';
