import type { TaskMessage, TaskRecord, TaskStatus } from '../engine/task-record.js';
import { type JsonValue, toJson } from './wire-json.js';

/** An item that failed and was skipped, over HTTP. */
export interface WireFailedItem {
  /** Its place among the items of the task, from 0 on. */
  readonly index: number;
  readonly error: string;
  readonly error_code: string;
}

/** A line that a task logged, over HTTP. */
export interface WireMessage {
  /** Epoch seconds. */
  readonly at: number;
  readonly text: string;
}

/** A task over HTTP: never its owner, nor what it works on. Times are epoch seconds with fractions. */
export interface WireRecord {
  readonly task_id: string;
  readonly task_type: string;
  readonly status: TaskStatus;
  readonly resource_id: string | null;
  readonly group: string | null;
  readonly priority: number;
  readonly meta: JsonValue;
  readonly stage: string | null;
  /** 0 to 1; null while the total is unknown. */
  readonly progress: number | null;
  readonly items_done: number;
  readonly items_total: number | null;
  /** Items per second of late. */
  readonly rate: number | null;
  readonly eta_seconds: number | null;
  readonly messages: readonly WireMessage[];
  readonly failed_items: { readonly count: number; readonly items: readonly WireFailedItem[] };
  /** What the task returned, as JSON has it. Null where it failed, or where the result was too large to keep. */
  readonly result: JsonValue;
  /** True where the result was over 64 KiB, or can't be said in JSON. */
  readonly result_omitted: boolean;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly attempt: number;
  /** Why it has to stop, while its thread has not left it yet. */
  readonly stopping: 'timeout' | 'failure' | null;
  readonly rerun_of: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly started_at: number | null;
  readonly completed_at: number | null;
  readonly created_at_iso: string;
  readonly updated_at_iso: string;
}

/** A record as it goes over HTTP. */
export function toWire(record: TaskRecord): WireRecord {
  const { progress, failedItems, error } = record;
  const result = record.status === 'completed' ? toJson(record.result) : null;
  return {
    task_id: record.id,
    task_type: record.type,
    status: record.status,
    resource_id: record.resourceId,
    group: record.group,
    priority: record.priority,
    meta: record.meta as JsonValue,
    stage: record.stage,
    progress: progress.fraction,
    items_done: progress.itemsDone,
    items_total: progress.itemsTotal,
    rate: progress.rate,
    eta_seconds: progress.etaMs === null ? null : seconds(progress.etaMs),
    messages: record.messages.map(toWireMessage),
    failed_items: {
      count: failedItems.count,
      items: failedItems.items.map(({ index, error: { message, code } }) => ({
        index,
        error: message,
        error_code: code,
      })),
    },
    result: result ?? null,
    result_omitted: record.resultOmitted || result === undefined,
    error: error?.message ?? null,
    error_code: error?.code ?? null,
    attempt: record.attempt,
    stopping: record.stopping,
    rerun_of: record.rerunOf,
    created_at: seconds(record.createdAt),
    updated_at: seconds(record.updatedAt),
    started_at: record.startedAt === null ? null : seconds(record.startedAt),
    completed_at: record.completedAt === null ? null : seconds(record.completedAt),
    created_at_iso: new Date(record.createdAt).toISOString(),
    updated_at_iso: new Date(record.updatedAt).toISOString(),
  };
}

function toWireMessage({ at, text }: TaskMessage): WireMessage {
  return { at: seconds(at), text };
}

/** Seconds of milliseconds: of a duration, or of a time. */
export function seconds(ms: number): number {
  return ms / 1_000;
}
