import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { OwnerScope } from '../engine/records.js';
import type { TaskRecord } from '../engine/task-record.js';
import { answers } from './answers.js';
import type { ApiApp, ApiContext, ApiEnv } from './api-context.js';
import { scopeOf } from './caller.js';
import type { NodeBindings } from './loopback.js';
import { ownerAsked } from './owner-asked.js';
import { taskNotFound } from './refusal.js';
import { eventsQuerySchema, lastEventIdSchema, taskParamsSchema } from './schemas.js';

const TAGS = ['tasks'];
const STREAM = { 'text/event-stream': { schema: z.string() } };
const NAMES =
  'Events `submitted`, `running`, `retrying`, `cancelling`, `completed`, `failed`, `cancelled` and `progress` carry a ' +
  'TaskRecord, `log` carries `{ task_id, task_type, at, text }`. All but `progress` have an id; who comes back with the ' +
  'last one as `Last-Event-ID` gets what it missed. Where that is not known any more there is a `reset` with ' +
  '`{ reason }` first. A comment is sent from time to time.';

const HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  // A proxy that collects answers must not.
  'x-accel-buffering': 'no',
};

/** Streams of what happens to tasks, as server-sent events. */
export function addEventRoutes(app: ApiApp, { manager, options, held, events }: ApiContext): void {
  const base = options.basePath;

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/tasks/{task_id}/events`,
      tags: TAGS,
      summary: 'Follow a task',
      description: `Begins with a \`snapshot\`, a TaskRecord, and ends with the task. ${NAMES}`,
      operationId: 'followTask',
      request: { params: taskParamsSchema, headers: lastEventIdSchema },
      responses: answers(
        {
          200: { description: 'Server-sent events.', content: STREAM },
          204: { description: 'With `Last-Event-ID`: the reader has seen the end of the task.' },
        },
        [404],
      ),
    }),
    (context) => {
      const { task_id: id } = context.req.valid('param');
      const scope = scopeOf(context.get('caller'));
      const task = manager.get(id, scope);
      if (task === undefined) throw taskNotFound(id);
      return respond(context, scope, task);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/events`,
      tags: TAGS,
      summary: 'Follow all tasks',
      description: `Begins with \`ready\`: who lists the tasks after it misses nothing. ${NAMES} List the tasks again then.`,
      operationId: 'followTasks',
      request: { query: eventsQuerySchema, headers: lastEventIdSchema },
      responses: answers({ 200: { description: 'Server-sent events.', content: STREAM } }, [400]),
    }),
    (context) => {
      const { owner, group, task_type: type } = context.req.valid('query');
      return respond(context, ownerAsked(context.get('caller'), owner), null, { type, group });
    },
  );

  function respond(
    context: Context<ApiEnv>,
    { owner }: OwnerScope,
    task: TaskRecord | null,
    { type, group }: { type?: string | undefined; group?: string | undefined } = {},
  ): Response {
    // Of an answer to HEAD nobody would read the body, nor let go of it.
    if (context.req.method === 'HEAD') return new Response(null, { headers: HEADERS });
    // Without an adapter there are no bindings at all.
    const { incoming, outgoing } = (context.env as NodeBindings | undefined) ?? {};
    const gone = new AbortController();
    const release = held.hold(context.get('caller').owner, incoming?.socket, () => gone.abort());
    let body: ReadableStream<Uint8Array> | null = null;
    try {
      body = events.stream(
        {
          filter: { taskId: task?.id ?? null, owner: owner ?? null, type: type ?? null, group: group ?? null },
          lastEventId: context.req.header('last-event-id') || null,
          breakConnection: outgoing === undefined ? null : () => void outgoing.destroy(),
          gone: gone.signal,
          onOver: release,
        },
        task,
      );
    } finally {
      if (body === null) release();
    }
    return body === null ? new Response(null, { status: 204 }) : new Response(body, { headers: HEADERS });
  }
}
