import type { TaskStats } from '../engine/task-stats.js';
import type { ThreadSnapshot } from '../engine/thread-snapshot.js';
import type { WireStats, WireThread } from './wire-calls.js';
import { seconds } from './wire-record.js';

/** Counts as they go over HTTP. */
export function toWireStats({ total, maxConcurrentTasks, types, closing, ...stats }: TaskStats): WireStats {
  const { pending, running, cancelling, completed, failed, cancelled, paused, history, threads } = stats;
  return {
    total_tasks: total,
    pending,
    running,
    cancelling,
    completed,
    failed,
    cancelled,
    max_concurrent: maxConcurrentTasks,
    paused,
    history,
    threads,
    types: Object.fromEntries(
      Object.entries(types).map(([type, { oldestPendingAt, failures, ...counts }]) => [
        type,
        { ...counts, oldest_pending_at: secondsOrNull(oldestPendingAt), failures },
      ]),
    ),
    closing:
      closing === null
        ? null
        : {
            since: seconds(closing.since),
            deadline: secondsOrNull(closing.deadline),
            waiting_for: closing.waitingFor,
          },
  };
}

/** A thread as it goes over HTTP. */
export function toWireThread({ id, state, work, overdue, heapUsedBytes }: ThreadSnapshot): WireThread {
  return {
    thread_id: id,
    state,
    task_id: work?.taskId ?? null,
    task_type: work?.type ?? null,
    phase: work?.phase ?? null,
    items_from: work?.from ?? null,
    items_to: work?.to ?? null,
    packed: work?.packed ?? null,
    since: work === null ? null : seconds(work.since),
    last_heartbeat_at: work === null ? null : seconds(work.lastHeartbeatAt),
    overdue,
    heap_used_bytes: heapUsedBytes,
  };
}

function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : seconds(ms);
}
