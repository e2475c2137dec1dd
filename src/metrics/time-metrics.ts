import { Counter, Histogram, type Metric } from 'prom-client';
import type { ChunkEvent } from '../engine/events.js';
import type { SettledRecord, TaskRecord } from '../engine/task-record.js';
import { SECONDS_BUCKETS, secondsBetween } from './seconds.js';
import type { AnyTaskManager } from './task-metrics.js';

/** Metrics of what a manager tells: how long tasks and chunks took, and what came of them. */
export interface TimeMetrics {
  readonly metrics: readonly Metric[];
  /** Returns what ends that. */
  listenTo(manager: AnyTaskManager): () => void;
}

export function timeMetrics(prefix: string): TimeMetrics {
  const buckets = [...SECONDS_BUCKETS];
  const queueWait = new Histogram({
    name: `${prefix}task_queue_wait_seconds`,
    help: 'Time from the submission of a task to its first start; counted when it has settled, if it ever started.',
    labelNames: ['type'],
    buckets,
    registers: [],
  });
  const runTime = new Histogram({
    name: `${prefix}task_run_seconds`,
    help: 'Time from the first start of a task to its end, by how it ended.',
    labelNames: ['type', 'status'],
    buckets,
    registers: [],
  });
  const retries = new Counter({
    name: `${prefix}task_retries_total`,
    help: 'Attempts of tasks after their first one; chunks that run again do not count.',
    labelNames: ['type'],
    registers: [],
  });
  const chunkTime = new Histogram({
    name: `${prefix}chunk_seconds`,
    help: 'Time that chunks worked on their threads; without those that the thread did not live to tell of.',
    labelNames: ['type', 'phase'],
    buckets,
    registers: [],
  });
  const chunks = new Counter({
    name: `${prefix}chunks_total`,
    help: 'Chunks that are over, by what came of them; of those that are lost the thread died.',
    labelNames: ['type', 'phase', 'outcome'],
    registers: [],
  });

  // The start of a task makes no record where nobody listens, and most of what metrics cost would be that record.
  const onSettled = ({ type, status, createdAt, startedAt, completedAt }: SettledRecord): void => {
    if (startedAt === null) return;
    queueWait.observe({ type }, secondsBetween(createdAt, startedAt));
    runTime.observe({ type, status }, secondsBetween(startedAt, completedAt));
  };
  const onRetrying = ({ type, attempt }: TaskRecord): void => {
    // What a pack gives back has not failed.
    if (attempt > 1) retries.inc({ type });
  };
  const onChunk = ({ type, phase, outcome, ms }: ChunkEvent): void => {
    chunks.inc({ type, phase, outcome });
    if (ms > 0) chunkTime.observe({ type, phase }, ms / 1_000);
  };

  return {
    metrics: [queueWait, runTime, retries, chunkTime, chunks] as Metric[],
    listenTo: (manager) => {
      // From 0 on, so that the first one is seen as one.
      for (const type of manager.typeNames) retries.inc({ type }, 0);
      // One for all the ways in which a task ends.
      const stopHook = manager.onSettled(onSettled);
      manager.on('retrying', onRetrying);
      manager.on('chunk', onChunk);
      return () => {
        stopHook();
        manager.off('retrying', onRetrying);
        manager.off('chunk', onChunk);
      };
    },
  };
}
