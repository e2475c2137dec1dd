// `export type`, not `export { type … }`: that would load the module all the same.
export type { OnDuplicate } from '../engine/task-type.js';
export type { TaskStatus } from '../engine/task-record.js';
export type { WireErrorCode } from '../http/wire-answer.js';
export type { WireLog, WireStats, WireThread, WireTypeStats } from '../http/wire-calls.js';
export type { WireEvent, WireEventName, WireEvents, WireReset } from '../http/wire-event.js';
export type { JsonValue } from '../http/wire-json.js';
export type { WireFailedItem, WireMessage, WireRecord } from '../http/wire-record.js';
export type {
  CallOptions,
  ClientFilter,
  EventsOptions,
  RerunCallOptions,
  ResultsOptions,
  ScopedCallOptions,
} from './call-options.js';
export type { ClientClock } from './client-clock.js';
export { TaskClientError, type TaskClientErrorCode } from './client-error.js';
export type { StreamRetry, TaskClientOptions } from './client-options.js';
export type { ClientRecord, ClientSettledRecord } from './client-record.js';
export type { ClientTask } from './client-task.js';
export type { JsonOf } from './json-of.js';
export type { ClientResult, ClientSubmitOptions, ClientSubmitPolicy } from './submit-options.js';
export {
  type AnyTaskClient,
  type ClientGroupPage,
  type ClientPage,
  type TaskClient,
  createTaskClient,
} from './task-client.js';
export type { WaitOptions, WatchOptions } from './task-watch.js';
