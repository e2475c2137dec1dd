import { OpenAPIHono } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { AnyTaskType, TaskManager } from '../engine/task-manager.js';
import type { ApiApp, ApiEnv, ApiContext, AnyTaskManager } from './api-context.js';
import { readBody } from './body.js';
import { ANYONE, type Authenticate, type Caller, callerOf } from './caller.js';
import { addSecuritySchemes, openApiDocument } from './document.js';
import { EventFeed } from './event-feed.js';
import { addEventRoutes } from './event-routes.js';
import { HeldRequests } from './held-requests.js';
import { type NodeBindings, whyRemote } from './loopback.js';
import { type ResolvedApiOptions, type TaskApiOptions, resolveApiOptions } from './options.js';
import { RateLimit, networkOf } from './rate-limit.js';
import { Refusal, invalid, refusalOf, wrongMethod } from './refusal.js';
import { addSystemRoutes } from './system-routes.js';
import { addTaskRoutes } from './task-routes.js';
import { refusalOfIssues } from './validation.js';

/** A {@link TaskManager} as an HTTP service. */
export interface TaskApi {
  /** Answers a request whose path begins with the base path; all others get 404. Needs no `this`. */
  readonly fetch: (request: Request, bindings?: unknown) => Response | Promise<Response>;
  /**
   * Ends all event streams, and answers from then on with 503. The manager goes on, and who waits for a task (`wait=true`)
   * is answered when it has settled: close the manager first.
   */
  close(): void;
}

/**
 * The HTTP API of a manager, to be mounted in any server: `fetch` takes a web `Request`, and adapters such as
 * `@hono/node-server` make one of what Node has.
 *
 * @example
 * const api = createTaskApi(tasks, { types: ['embed_batch'], authenticate: apiKeys({ [key]: 'ann' }) });
 * serve({ fetch: api.fetch, port: 3000 });
 *
 * @throws TreadleError INVALID_ARGUMENT for options that are none.
 */
export function createTaskApi<Types extends { readonly [Name in keyof Types]: AnyTaskType }>(
  manager: TaskManager<Types>,
  options: TaskApiOptions<keyof Types & string> = {},
): TaskApi {
  const resolved = resolveApiOptions(options, (manager as AnyTaskManager).typeNames);
  const context: ApiContext = {
    manager: manager as AnyTaskManager,
    options: resolved,
    held: new HeldRequests(resolved.maxHeldPerOwner),
    events: new EventFeed(manager as AnyTaskManager, resolved),
  };
  resolved.metrics?.addStreams?.(context.events);
  const app = newApp(resolved);
  const rateLimit = resolved.rateLimit === null ? null : new RateLimit(resolved.rateLimit);
  let closed = false;

  app.use(async (c, next) => {
    await next();
    // Streams of events say more.
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
  });
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (_, methods) => wrongMethod(methods).response() }));
  app.use(async (c, next) => {
    if (closed) throw new Refusal('UNAVAILABLE', 'The server is stopping', { retryAfterSeconds: 1 });
    const caller = await callerOfRequest(c.req.raw, c.env, resolved, rateLimit);
    await rateLimit?.count(`owner:${caller.owner ?? ''}`);
    c.set('caller', caller);
    await readBody(c.req, resolved.maxBodyBytes);
    await next();
  });
  addSystemRoutes(app, context);
  addTaskRoutes(app, context);
  addEventRoutes(app, context);
  resolved.extend?.(app);
  addSecuritySchemes(app);
  let document: object | null = null;
  app.get(`${resolved.basePath}/openapi.json`, () => Response.json((document ??= openApiDocument(app))));
  return {
    fetch: (request, bindings) => app.fetch(request, bindings as NodeBindings),
    close: () => {
      closed = true;
      context.events.close();
    },
  };
}

/** How a message calls the part of a request that does not fit. */
const PLACES: { readonly [target: string]: string } = { json: 'body', query: 'query', param: 'path' };

function newApp({ onError }: ResolvedApiOptions): ApiApp {
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      throw refusalOfIssues(
        result.error.issues,
        PLACES[result.target] ?? result.target,
        (result as { data?: unknown }).data,
      );
    },
  });
  app.notFound((c) => new Refusal('NOT_FOUND', 'There is nothing here', { details: { path: c.req.path } }).response());
  app.onError((error) => {
    const refusal = refusalOf(error) ?? refusalOfHono(error);
    if (refusal !== null) return refusal.response();
    onError(error instanceof AuthenticateFault ? error.cause : error);
    return new Refusal('INTERNAL', 'Internal error').response();
  });
  return app;
}

/** What `authenticate` threw, or what is wrong with what it returned: no word to who asked. */
class AuthenticateFault extends Error {}

async function identify(authenticate: Authenticate, request: Request): Promise<Caller | null> {
  try {
    return callerOf(await authenticate(request));
  } catch (cause) {
    throw new AuthenticateFault('authenticate failed', { cause });
  }
}

/** What Hono itself refuses: a body that is no JSON. */
function refusalOfHono(error: Error): Refusal | null {
  if (!(error instanceof HTTPException) || error.status >= 500) return null;
  return error.status === 415
    ? new Refusal('INVALID_ARGUMENT', 'Expected a body with `Content-Type: application/json`', { status: 415 })
    : invalid(`Expected a body of JSON: ${error.message}`);
}

async function callerOfRequest(
  request: Request,
  bindings: NodeBindings | undefined,
  { authenticate, allowUnauthenticated }: ResolvedApiOptions,
  rateLimit: RateLimit | null,
): Promise<Caller> {
  if (authenticate !== null) {
    const caller = await identify(authenticate, request);
    if (caller !== null) return caller;
    // Who is not known has a rate of their own; a key that is right gets through all the same, so that nobody can lock others out.
    await rateLimit?.count(`address:${networkOf(bindings?.incoming?.socket?.remoteAddress ?? '')}`);
    throw new Refusal('UNAUTHENTICATED', 'Expected a key that is known');
  }
  const why = allowUnauthenticated ? null : whyRemote(request, bindings);
  if (why === null) return ANYONE;
  throw new Refusal(
    'PERMISSION_DENIED',
    `Without \`authenticate\` only programs on this machine are served, and of this request ${why}`,
  );
}
