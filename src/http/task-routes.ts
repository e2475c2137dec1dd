import { createRoute, z } from '@hono/zod-openapi';
import { describeValue } from '../engine/errors.js';
import type { TaskHandle } from '../engine/task-handle.js';
import { isTerminal } from '../engine/task-record.js';
import { aliasBody, ALIASES } from './aliases.js';
import { answer, answers } from './answers.js';
import type { ApiApp, ApiContext } from './api-context.js';
import { type Caller, scopeOf } from './caller.js';
import type { NodeBindings } from './loopback.js';
import { ownerAsked } from './owner-asked.js';
import { recordPage } from './record-page.js';
import { Refusal, invalid, taskNotFound } from './refusal.js';
import {
  acceptedSchema,
  filterSchema,
  recordSchema,
  rerunSchema,
  submissionSchema,
  submitQuerySchema,
  taskParamsSchema,
} from './schemas.js';
import type { WireAccepted, WireSubmission } from './wire-calls.js';
import type { WireOk } from './wire-answer.js';
import { type WireRecord, toWire } from './wire-record.js';

const TAGS = ['tasks'];
const recordAnswer = answer('The task.', recordSchema);
const accepted = answer('It was taken on.', acceptedSchema);

/** Submitting tasks, finding them, and what one does with one of them. */
export function addTaskRoutes(app: ApiApp, { manager, options, held }: ApiContext): void {
  const base = options.basePath;

  app.openapi(
    createRoute({
      method: 'post',
      path: `${base}/tasks`,
      tags: TAGS,
      summary: 'Submit a task',
      operationId: 'submitTask',
      request: {
        query: submitQuerySchema,
        body: { required: true, content: { 'application/json': { schema: submissionSchema } } },
      },
      responses: answers(
        { 202: accepted, 200: answer('With `wait=true`: the task, settled.', recordSchema) },
        [400, 409, 413, 415],
      ),
    }),
    async (context) => {
      const submission = context.req.valid('json');
      const caller = context.get('caller');
      if (context.req.valid('query').wait !== 'true') return acceptedOf(await submit(caller, submission));
      const gone = new AbortController();
      const { incoming } = (context.env as NodeBindings | undefined) ?? {};
      const release = held.hold(caller.owner, incoming?.socket, () => gone.abort());
      try {
        const task = await submit(caller, submission);
        // Who has gone waits no more; the task goes on.
        await Promise.race([task.settled(), aborted(context.req.raw.signal), aborted(gone.signal)]);
        return ok(toWire(task.record));
      } finally {
        release();
      }
    },
  );

  for (const [path, type] of ALIASES) {
    if (!options.types.has(type)) continue;
    app.openapi(
      createRoute({
        method: 'post',
        path: `${base}/tasks/${path}`,
        tags: TAGS,
        summary: `Submit ${type}`,
        description: `The body is the input of \`${type}\`.`,
        operationId: `submit_${type}`,
        request: { body: { content: { 'application/json': { schema: z.record(z.string(), z.any()) } } } },
        responses: answers({ 202: accepted }, [400, 409, 413, 415]),
      }),
      async (context) => {
        const input = aliasBody(context.req.valid('json'));
        return acceptedOf(await submit(context.get('caller'), { task_type: type, input }));
      },
    );
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/tasks`,
      tags: TAGS,
      summary: 'List tasks, newest first',
      operationId: 'listTasks',
      request: { query: filterSchema },
      responses: answers(
        { 200: answer('A page of tasks.', z.array(recordSchema), { next_cursor: z.string().nullable() }) },
        [400],
      ),
    }),
    (context) => {
      const {
        task_type: type,
        status,
        resource_id: resourceId,
        group,
        limit,
        cursor,
        owner,
      } = context.req.valid('query');
      const given = { type, status, resourceId, group, cursor };
      const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const scope = ownerAsked(context.get('caller'), owner);
      const { result, nextCursor } = recordPage((size) => manager.list({ ...filter, ...scope, ...size }), limit);
      return Response.json({ status: 'ok', result, next_cursor: nextCursor });
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/tasks/{task_id}`,
      tags: TAGS,
      summary: 'Get a task',
      operationId: 'getTask',
      request: { params: taskParamsSchema },
      responses: answers({ 200: recordAnswer }, [404]),
    }),
    (context) => {
      const { task_id: id } = context.req.valid('param');
      const record = manager.get(id, scopeOf(context.get('caller')));
      if (record === undefined) throw taskNotFound(id);
      return ok(toWire(record));
    },
  );

  for (const [method, path] of [
    ['post', '/cancel'],
    ['delete', ''],
  ] as const) {
    app.openapi(
      createRoute({
        method,
        path: `${base}/tasks/{task_id}${path}`,
        tags: TAGS,
        summary: 'Ask a task to stop',
        operationId: method === 'post' ? 'cancelTask' : 'deleteTask',
        request: { params: taskParamsSchema },
        responses: answers({ 200: recordAnswer }, [404, 412, 413]),
      }),
      (context) => {
        const { task_id: id } = context.req.valid('param');
        const scope = scopeOf(context.get('caller'));
        const before = manager.get(id, scope);
        if (before === undefined) throw taskNotFound(id);
        // Cancelled already is what was asked for.
        if (isTerminal(before.status) && before.status !== 'cancelled') {
          throw new Refusal(
            'FAILED_PRECONDITION',
            `Expected a task that is not settled, got one that is ${before.status}`,
            {
              details: { task_id: id, status: before.status },
            },
          );
        }
        return ok(toWire(manager.cancel(id, scope) ?? before));
      },
    );
  }

  app.openapi(
    createRoute({
      method: 'post',
      path: `${base}/tasks/{task_id}/rerun`,
      tags: TAGS,
      summary: 'Run a failed task again, as a new one',
      operationId: 'rerunTask',
      request: { params: taskParamsSchema, body: { content: { 'application/json': { schema: rerunSchema } } } },
      responses: answers({ 202: accepted }, [400, 404, 409, 412, 413, 415]),
    }),
    async (context) => {
      const { task_id: id } = context.req.valid('param');
      const { only_failed_items: onlyFailedItems = false } = context.req.valid('json');
      const scope = scopeOf(context.get('caller'));
      const record = manager.get(id, scope);
      if (record === undefined) throw taskNotFound(id);
      checkAllowed(record.type);
      return acceptedOf(await manager.rerun(id, { onlyFailedItems, ...scope }));
    },
  );

  function submit(caller: Caller, submission: WireSubmission): Promise<TaskHandle> {
    const { task_type: type, resource_id: resourceId, on_duplicate: onDuplicate, ...rest } = submission;
    checkAllowed(type);
    const owner = caller.owner ?? undefined;
    const given = { ...rest, resourceId, onDuplicate, owner };
    const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    return manager.submit(type, said);
  }

  function checkAllowed(type: string): void {
    if (options.types.has(type)) return;
    const allowed = [...options.types].join(', ');
    if (!manager.typeNames.includes(type)) {
      throw invalid(
        `Expected \`task_type\` to be ${allowed === '' ? 'one that is allowed' : `one of ${allowed}`}, got ${describeValue(type)}`,
      );
    }
    throw new Refusal('PERMISSION_DENIED', `Tasks of type ${describeValue(type)} may not be submitted over HTTP`, {
      details: { task_type: type },
    });
  }

  /** With the place to ask for it. */
  function acceptedOf(task: TaskHandle): Response {
    const result: WireAccepted = { task_id: task.id, status: 'accepted' };
    const location = `${base}/tasks/${encodeURIComponent(task.id)}`;
    return Response.json({ status: 'ok', result } satisfies WireOk<WireAccepted>, {
      status: 202,
      headers: { location },
    });
  }
}

function ok(result: WireRecord): Response {
  return Response.json({ status: 'ok', result } satisfies WireOk<WireRecord>);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
