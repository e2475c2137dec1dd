import type { OpenAPIHono } from '@hono/zod-openapi';
import type { TaskManager } from '../engine/task-manager.js';
import type { Caller } from './caller.js';
import type { EventFeed } from './event-feed.js';
import type { HeldRequests } from './held-requests.js';
import type { NodeBindings } from './loopback.js';
import type { ResolvedApiOptions } from './options.js';

/** A manager of whatever task types. */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes managers of all types
export type AnyTaskManager = TaskManager<any>;

/** What goes along with a request. */
export interface ApiEnv {
  Bindings: NodeBindings;
  Variables: { caller: Caller };
}

export type ApiApp = OpenAPIHono<ApiEnv>;

/** What every route works with. */
export interface ApiContext {
  readonly manager: AnyTaskManager;
  readonly options: ResolvedApiOptions;
  readonly held: HeldRequests;
  readonly events: EventFeed;
}
