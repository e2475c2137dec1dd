import { randomUUID } from 'node:crypto';
import type { BatchDefinition, BatchSteps, TaskContext } from '../../engine/define-task.js';

/** Each call of the steps gets about so much work, as on a thread. Milliseconds. */
const CHUNK_MS = 25;

/** What runs, and on what. */
export interface InlineJob {
  readonly definition: Pick<BatchDefinition<never, never, never>, 'steps'>;
  readonly input: unknown;
  /** The type's `data`. */
  readonly data: unknown;
  /** The items, where the batch does not plan them. */
  readonly items?: readonly unknown[];
}

/**
 * Runs a batch as a server without Treadle would: the very steps that threads run, one after the other on the event loop,
 * which gets no turn until all is done.
 *
 * @param onProgress called synchronously after each chunk.
 */
export async function runInline(job: InlineJob, onProgress: (done: number, total: number) => void): Promise<unknown> {
  const { input } = job;
  const { steps } = job.definition;
  const { context, dispose } = makeContext(job.data);
  try {
    const planned = steps.plan === undefined ? (job.items ?? []) : await steps.plan(input, context);
    const items = [...(planned as Iterable<unknown>)];
    const parts: unknown[] = [];
    let size = 1;
    for (let from = 0; from < items.length;) {
      const chunk = items.slice(from, from + size);
      const startMs = performance.now();
      parts.push(await runChunk(steps, chunk, context, input));
      const itemMs = (performance.now() - startMs) / chunk.length;
      size = Math.max(1, Math.min(8 * size, Math.round(CHUNK_MS / itemMs)));
      from += chunk.length;
      onProgress(from, items.length);
    }
    return await steps.finish?.(parts, context, input);
  } finally {
    await steps.cleanup?.(context, input);
    dispose();
  }
}

async function runChunk(
  steps: BatchSteps,
  chunk: readonly unknown[],
  context: TaskContext,
  input: unknown,
): Promise<unknown> {
  if (steps.run !== undefined) return await steps.run(chunk, context, input);
  const results: unknown[] = [];
  for (const item of chunk) results.push(await steps.each?.(item, context, input));
  return results;
}

/** A context without an engine behind it: nobody watches, nobody cancels. */
function makeContext(data: unknown): { context: TaskContext; dispose: () => void } {
  const warm = new Map<string, unknown>();
  const context: TaskContext = {
    taskId: randomUUID(),
    attempt: 1,
    data,
    signal: new AbortController().signal,
    progress: () => undefined,
    stage: () => undefined,
    log: () => undefined,
    throwIfCancelled: () => undefined,
    perThread<T>(key: string, factory: () => T): T {
      if (!warm.has(key)) warm.set(key, factory());
      return warm.get(key) as T;
    },
  };
  const dispose = (): void => {
    for (const thing of warm.values()) (thing as { close?: () => void }).close?.();
  };
  return { context, dispose };
}
