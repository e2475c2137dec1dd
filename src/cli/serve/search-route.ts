import { createRoute, z } from '@hono/zod-openapi';
import { answer, answers } from '../../http/answers.js';
import type { ApiApp } from '../../http/index.js';
import { Refusal } from '../../http/refusal.js';
import { seconds } from '../../http/wire-record.js';
import { ModelNotAtHand, NotEmbedded } from '../../sqlite/models.js';
import { MAX_LIMIT } from '../../sqlite/search-options.js';
import type { SearchHit, Store } from '../../store/index.js';

const name = z.string().min(1).max(256);
const place = z.strictObject({ rank: z.number().int().min(1), score: z.number() });

const querySchema = z.strictObject({
  q: z.string().min(1).openapi({ description: 'Words to look for.' }),
  user_id: name.openapi({ description: 'Whose memories.' }),
  namespace: name.optional().openapi({ description: 'Only this one of theirs.' }),
  mode: z.enum(['text', 'vector', 'hybrid']).optional().openapi({ description: 'Default `text`.' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_LIMIT)
    .optional()
    .openapi({ description: 'How many hits at most. Default 10.' }),
});

const hitSchema = z
  .strictObject({
    id: z.number().int(),
    user_id: name,
    namespace: name,
    content: z.string(),
    importance: z.number().min(0).max(1),
    created_at: z.number().openapi({ description: 'Epoch seconds, with fractions.' }),
    expires_at: z.number().nullable(),
    score: z.number().openapi({ description: 'Higher is better.' }),
    lists: z.strictObject({ text: place.optional(), vector: place.optional() }),
  })
  .openapi('SearchHit');

/** `GET {base}/search`: what the store finds for a user. */
export function addSearchRoute(app: ApiApp, base: string, store: Store): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: `${base}/search`,
      tags: ['search'],
      summary: 'Find memories of a user, best first',
      operationId: 'search',
      request: { query: querySchema },
      responses: answers({ 200: answer('What was found.', z.array(hitSchema)) }, [400, 412]),
    }),
    async (context) => {
      const { q, user_id: userId, namespace, mode = 'text', limit = 10 } = context.req.valid('query');
      const options = { userId, mode, limit, ...(namespace === undefined ? {} : { namespace }) };
      try {
        const hits = await store.search(q, options);
        return Response.json({ status: 'ok', result: hits.map(toWireHit) });
      } catch (error) {
        if (error instanceof NotEmbedded || error instanceof ModelNotAtHand) {
          throw new Refusal('FAILED_PRECONDITION', error.message);
        }
        throw error;
      }
    },
  );
}

function toWireHit(hit: SearchHit): z.infer<typeof hitSchema> {
  const { id, userId, namespace, content, importance, createdAt, expiresAt, score, lists } = hit;
  return {
    id,
    user_id: userId,
    namespace,
    content,
    importance,
    created_at: seconds(createdAt),
    expires_at: expiresAt === null ? null : seconds(expiresAt),
    score,
    lists,
  };
}
