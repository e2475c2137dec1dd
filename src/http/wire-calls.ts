import type { OnDuplicate } from '../engine/task-type.js';
import type { TaskStatus } from '../engine/task-record.js';
import type { JsonValue } from './wire-json.js';

/** The body of a submission. */
export interface WireSubmission {
  readonly task_type: string;
  readonly input?: JsonValue | undefined;
  readonly items?: readonly JsonValue[] | undefined;
  readonly resource_id?: string | undefined;
  readonly group?: string | undefined;
  readonly priority?: number | undefined;
  readonly meta?: JsonValue | undefined;
  readonly on_duplicate?: OnDuplicate | undefined;
}

/** A task was taken on. */
export interface WireAccepted {
  readonly task_id: string;
  readonly status: 'accepted';
}

/** How many tasks there are of a status. */
export interface WireCounts {
  readonly pending: number;
  readonly running: number;
  readonly cancelling: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** The tasks of one type. */
export interface WireTypeStats extends WireCounts {
  /** Epoch seconds at which the oldest one that waits was submitted. */
  readonly oldest_pending_at: number | null;
  /** How many failed, by the code of their error. */
  readonly failures: { readonly [code: string]: number };
}

export interface WireStats extends WireCounts {
  readonly total_tasks: number;
  readonly max_concurrent: number;
  readonly paused: boolean;
  /** Settled records that are kept. */
  readonly history: number;
  readonly threads: {
    readonly max: number;
    readonly live: number;
    readonly busy: number;
    readonly overdue: number;
  };
  readonly types: { readonly [type: string]: WireTypeStats };
  /** What `close()` waits for; null while it was not called. */
  readonly closing: {
    readonly since: number;
    readonly deadline: number | null;
    readonly waiting_for: readonly string[];
  } | null;
}

/** A thread, and what it works on. Times are epoch seconds. */
export interface WireThread {
  readonly thread_id: number;
  readonly state: 'stopped' | 'starting' | 'idle' | 'busy' | 'broken';
  /** Null where it has none, or another owner's. */
  readonly task_id: string | null;
  readonly task_type: string | null;
  readonly phase: 'plan' | 'run' | 'finish' | 'cleanup' | 'load' | null;
  readonly items_from: number | null;
  readonly items_to: number | null;
  /** How many small tasks share the chunk. */
  readonly packed: number | null;
  readonly since: number | null;
  readonly last_heartbeat_at: number | null;
  readonly overdue: boolean;
  readonly heap_used_bytes: number | null;
}

/** What `GET /tasks` filters by. */
export interface WireFilter {
  readonly task_type?: string | undefined;
  readonly status?: TaskStatus | undefined;
  readonly resource_id?: string | undefined;
  readonly group?: string | undefined;
  /** For operators only. */
  readonly owner?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** A line of a task's log, as an event. */
export interface WireLog {
  readonly task_id: string;
  readonly task_type: string;
  readonly at: number;
  readonly text: string;
}
