import { createRoute, z } from '@hono/zod-openapi';
import { answer, answers } from './answers.js';
import type { ApiApp, ApiContext } from './api-context.js';
import type { Caller } from './caller.js';
import { groupOwnerAsked, ownerAsked } from './owner-asked.js';
import { recordPage } from './record-page.js';
import { Refusal } from './refusal.js';
import {
  groupParamsSchema,
  recordSchema,
  resultsQuerySchema,
  scopeQuerySchema,
  statsSchema,
  threadSchema,
} from './schemas.js';
import { toWireStats, toWireThread } from './wire-stats.js';

/** What concerns no single task: counts, threads, groups, pausing, metrics. */
export function addSystemRoutes(app: ApiApp, { manager, options }: ApiContext): void {
  const base = options.basePath;

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/tasks/stats`,
      tags: ['tasks'],
      summary: 'Counts of tasks, in all and by type',
      operationId: 'getStats',
      request: { query: scopeQuerySchema },
      responses: answers({ 200: answer('The counts.', statsSchema) }, [400]),
    }),
    (context) => {
      const scope = ownerAsked(context.get('caller'), context.req.valid('query').owner);
      return Response.json({ status: 'ok', result: toWireStats(manager.stats(scope)) });
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/threads`,
      tags: ['operations'],
      summary: 'What each thread works on',
      operationId: 'listThreads',
      request: { query: scopeQuerySchema },
      responses: answers({ 200: answer('One entry for each thread.', z.array(threadSchema)) }, [400]),
    }),
    (context) => {
      const scope = ownerAsked(context.get('caller'), context.req.valid('query').owner);
      return Response.json({ status: 'ok', result: manager.threads(scope).map(toWireThread) });
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/groups/{group}/results`,
      tags: ['tasks'],
      summary: 'Settled tasks of a group that were not acknowledged yet, oldest first',
      operationId: 'getGroupResults',
      request: { params: groupParamsSchema, query: resultsQuerySchema },
      responses: answers(
        {
          200: answer('They stay until a later call gives `cursor` as `ack`.', z.array(recordSchema), {
            cursor: z.string().nullable(),
            in_progress: z.number().int().openapi({ description: 'Tasks of the group that have not settled.' }),
          }),
        },
        [400],
      ),
    }),
    (context) => {
      const { group } = context.req.valid('param');
      const { ack, limit, owner } = context.req.valid('query');
      const scope = groupOwnerAsked(context.get('caller'), owner);
      // HEAD asks only what would be answered.
      const acknowledged = ack === undefined || context.req.method === 'HEAD' ? {} : { ack };
      const { result, cursor, inProgress } = recordPage(
        (size) => manager.results(group, { ...scope, ...acknowledged, ...size }),
        limit,
      );
      return Response.json({ status: 'ok', result, cursor, in_progress: inProgress });
    },
  );

  for (const word of ['pause', 'resume'] as const) {
    app.openapi(
      createRoute({
        method: 'post',
        path: `${base}/${word}`,
        tags: ['operations'],
        summary: word === 'pause' ? 'Let no further work begin' : 'Go on',
        operationId: word,
        responses: answers({ 200: answer('The counts.', statsSchema) }, [413]),
      }),
      (context) => {
        refuseUnlessOperator(context.get('caller'));
        manager[word]();
        return Response.json({ status: 'ok', result: toWireStats(manager.stats()) });
      },
    );
  }

  const { metrics } = options;
  if (metrics === null) return;
  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/metrics`,
      tags: ['operations'],
      summary: 'Metrics for Prometheus',
      operationId: 'getMetrics',
      responses: answers({
        200: { description: 'The text format.', content: { 'text/plain': { schema: z.string() } } },
      }),
    }),
    async (context) => {
      refuseUnlessOperator(context.get('caller'));
      return new Response(await metrics.text(), { headers: { 'content-type': metrics.contentType } });
    },
  );
}

function refuseUnlessOperator({ operator }: Caller): void {
  if (!operator) throw new Refusal('PERMISSION_DENIED', 'Expected an operator');
}
