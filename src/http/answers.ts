import type { z } from '@hono/zod-openapi';
import { okSchema, refusalSchema } from './schemas.js';

/** How a route's answers stand in the OpenAPI document. */
type Answers = Record<number, { description: string; content?: Record<string, { schema: z.ZodType }> }>;

const REFUSALS = {
  400: 'Something is wrong with the request: INVALID_ARGUMENT.',
  401: 'Nobody known asks: UNAUTHENTICATED.',
  403: 'It is not for this caller: PERMISSION_DENIED.',
  404: 'There is no such task, or it is another owner’s: NOT_FOUND.',
  409: 'A task of the same type works on the resource: CONFLICT, with `details.task_id`.',
  412: 'The task is not in a state for that: FAILED_PRECONDITION.',
  413: 'The body is too large: INVALID_ARGUMENT.',
  415: 'The body is not said to be JSON: INVALID_ARGUMENT.',
  429: 'Too many: RESOURCE_EXHAUSTED, with Retry-After.',
  500: 'A fault of the server: INTERNAL.',
  503: 'The server is stopping: UNAVAILABLE.',
} as const;

type RefusalStatus = keyof typeof REFUSALS;

/** Every request may be answered with these. */
const ALWAYS: readonly RefusalStatus[] = [401, 403, 429, 500, 503];

/** An answer in the envelope. */
export function answer(description: string, result: z.ZodType, beside: z.ZodRawShape = {}): Answers[number] {
  return { description, content: { 'application/json': { schema: okSchema(result, beside) } } };
}

/** A route's own answers, with the refusals that it may give. */
export function answers(own: Answers, refusals: readonly RefusalStatus[] = []): Answers {
  const all: Answers = { ...own };
  for (const status of [...ALWAYS, ...refusals]) {
    all[status] ??= {
      description: REFUSALS[status],
      content: { 'application/json': { schema: refusalSchema } },
    };
  }
  return all;
}
