import { z } from '@hono/zod-openapi';
import { MAX_KEY_LENGTH, MAX_META_BYTES } from '../engine/options.js';
import { MAX_PRIORITY, MIN_PRIORITY, TASK_STATUSES } from '../engine/task-record.js';
import { WIRE_ERROR_CODES, type WireRefusal } from './wire-answer.js';
import type { WireAccepted, WireFilter, WireStats, WireSubmission, WireThread, WireTypeStats } from './wire-calls.js';
import type { WireRecord } from './wire-record.js';

/** What any value in JSON may be. */
const anything: z.ZodAny = z.any();
const text: z.ZodString = z.string();
const number: z.ZodNumber = z.number();
const count: z.ZodNumber = z.number().int().min(0);
/** A name that a submitter chooses. */
const name: z.ZodString = z.string().min(1).max(MAX_KEY_LENGTH);
const status = z.enum(TASK_STATUSES).openapi('TaskStatus');
const epochSeconds = number.openapi({ description: 'Epoch seconds, with fractions.' });

export const recordSchema: z.ZodType<WireRecord> = z
  .strictObject({
    task_id: text,
    task_type: text,
    status,
    resource_id: text.nullable(),
    group: text.nullable(),
    priority: z.number().int(),
    meta: anything.openapi({ description: 'What the submitter attached.' }),
    stage: text.nullable(),
    progress: z.number().min(0).max(1).nullable().openapi({ description: '0 to 1; null while the total is unknown.' }),
    items_done: number,
    items_total: number.nullable(),
    rate: number.nullable().openapi({ description: 'Items per second of late.' }),
    eta_seconds: number.nullable(),
    messages: z.array(z.strictObject({ at: epochSeconds, text })),
    failed_items: z.strictObject({
      count,
      items: z.array(z.strictObject({ index: count, error: text, error_code: text })),
    }),
    result: anything.openapi({ description: 'What the task returned.' }),
    result_omitted: z.boolean().openapi({ description: 'The result was over 64 KiB, or can not be said in JSON.' }),
    error: text.nullable(),
    error_code: text.nullable(),
    attempt: z.number().int().min(1),
    stopping: z.enum(['timeout', 'failure']).nullable(),
    rerun_of: text.nullable(),
    created_at: epochSeconds,
    updated_at: epochSeconds,
    started_at: epochSeconds.nullable(),
    completed_at: epochSeconds.nullable(),
    created_at_iso: z.iso.datetime(),
    updated_at_iso: z.iso.datetime(),
  })
  .openapi('TaskRecord');

/** The body of `POST /tasks`. */
export const submissionSchema: z.ZodType<WireSubmission> = z
  .strictObject({
    task_type: name,
    input: anything.optional(),
    items: z.array(anything).optional().openapi({ description: 'The items to work on, where the type takes them.' }),
    resource_id: name.optional().openapi({ description: 'While a task on it is unsettled, another is a duplicate.' }),
    group: name.optional(),
    priority: z.number().int().min(MIN_PRIORITY).max(MAX_PRIORITY).optional(),
    meta: anything.optional().openapi({ description: `JSON of at most ${MAX_META_BYTES} bytes.` }),
    on_duplicate: z.enum(['reject', 'join', 'allow']).optional(),
  })
  .openapi('Submission');

export const acceptedSchema: z.ZodType<WireAccepted> = z
  .strictObject({ task_id: text, status: z.literal('accepted') })
  .openapi('Accepted');

const counts = { pending: count, running: count, cancelling: count, completed: count, failed: count, cancelled: count };

const typeStatsSchema: z.ZodType<WireTypeStats> = z
  .strictObject({
    ...counts,
    oldest_pending_at: epochSeconds.nullable(),
    failures: z.record(z.string(), count),
  })
  .openapi('TypeStats');

export const statsSchema: z.ZodType<WireStats> = z
  .strictObject({
    total_tasks: count,
    ...counts,
    max_concurrent: count,
    paused: z.boolean(),
    history: count,
    threads: z.strictObject({ max: count, live: count, busy: count, overdue: count }),
    types: z.record(z.string(), typeStatsSchema),
    closing: z
      .strictObject({ since: epochSeconds, deadline: epochSeconds.nullable(), waiting_for: z.array(text) })
      .nullable(),
  })
  .openapi('Stats');

export const threadSchema: z.ZodType<WireThread> = z
  .strictObject({
    thread_id: count,
    state: z.enum(['stopped', 'starting', 'idle', 'busy', 'broken']),
    task_id: text.nullable(),
    task_type: text.nullable(),
    phase: z.enum(['load', 'plan', 'run', 'finish', 'cleanup']).nullable(),
    items_from: count.nullable(),
    items_to: count.nullable(),
    packed: count.nullable(),
    since: epochSeconds.nullable(),
    last_heartbeat_at: epochSeconds.nullable(),
    overdue: z.boolean(),
    heap_used_bytes: count.nullable(),
  })
  .openapi('Thread');

export const refusalSchema: z.ZodType<WireRefusal> = z
  .strictObject({
    status: z.literal('error'),
    error: z.strictObject({
      code: z.enum(WIRE_ERROR_CODES),
      message: text,
      details: z.record(z.string(), anything),
    }),
  })
  .openapi('Refusal');

/** The envelope of an answer, with what it has beside the result. */
export function okSchema(result: z.ZodType, beside: z.ZodRawShape = {}): z.ZodType {
  return z.strictObject({ status: z.literal('ok'), result, ...beside });
}

const limit = z.coerce.number().int().min(1).max(200);

export const filterSchema: z.ZodObject<{ [Key in keyof Required<WireFilter>]: z.ZodType<WireFilter[Key]> }> =
  z.strictObject({
    task_type: name.optional(),
    status: status.optional(),
    resource_id: name.optional(),
    group: name.optional(),
    owner: ownerQuery(),
    limit: limit
      .optional()
      .openapi({ description: 'How many records at most: a page of large ones has fewer. Default 50.' }),
    cursor: text.optional().openapi({ description: '`next_cursor` of an earlier page.' }),
  });

export const resultsQuerySchema: z.ZodObject<{
  ack: z.ZodType<string | undefined>;
  limit: z.ZodType<number | undefined>;
  owner: z.ZodType<string | undefined>;
}> = z.strictObject({
  ack: text.optional().openapi({ description: 'Forgets the results up to this `cursor` of an earlier answer.' }),
  limit: limit
    .optional()
    .openapi({ description: 'How many records at most: a page of large ones has fewer. Default 200.' }),
  owner: name
    .optional()
    .openapi({ description: 'Whose group, the caller’s own by default; operators may name another owner.' }),
});

export const scopeQuerySchema: z.ZodObject<{ owner: z.ZodType<string | undefined> }> = z.strictObject({
  owner: ownerQuery(),
});

/** What `GET /events` filters by. */
export const eventsQuerySchema: z.ZodObject<{
  owner: z.ZodType<string | undefined>;
  group: z.ZodType<string | undefined>;
  task_type: z.ZodType<string | undefined>;
}> = z.strictObject({ owner: ownerQuery(), group: name.optional(), task_type: name.optional() });

export const lastEventIdSchema: z.ZodObject<{ 'last-event-id': z.ZodType<string | undefined> }> = z.object({
  'last-event-id': text.optional().openapi({ description: 'The id of the last event that was seen.' }),
});

export const submitQuerySchema: z.ZodObject<{ wait: z.ZodType<'true' | 'false' | undefined> }> = z.strictObject({
  wait: z.enum(['true', 'false']).optional().openapi({ description: 'Answers when the task has settled.' }),
});

export const rerunSchema: z.ZodObject<{ only_failed_items: z.ZodType<boolean | undefined> }> = z.strictObject({
  only_failed_items: z.boolean().optional(),
});

export const taskParamsSchema: z.ZodObject<{ task_id: z.ZodString }> = z.strictObject({
  task_id: z
    .string()
    .min(1)
    .openapi({ param: { name: 'task_id', in: 'path' } }),
});

export const groupParamsSchema: z.ZodObject<{ group: z.ZodString }> = z.strictObject({
  group: name.openapi({ param: { name: 'group', in: 'path' } }),
});

function ownerQuery(): z.ZodType<string | undefined> {
  return name.optional().openapi({ description: 'Whose; only operators may name another owner.' });
}
