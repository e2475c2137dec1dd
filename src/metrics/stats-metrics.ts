import { Counter, Gauge, type Metric } from 'prom-client';
import type { Clock } from '../engine/clock.js';
import type { TaskStats, TypeStats } from '../engine/task-stats.js';
import { secondsBetween } from './seconds.js';
import type { AnyTaskManager } from './task-metrics.js';

const UNSETTLED = ['pending', 'running', 'cancelling'] as const;
const SETTLED = ['completed', 'failed', 'cancelled'] as const;

/** Metrics that are read from a manager when somebody asks, and so cost tasks nothing and agree with `stats()`. */
export function statsMetrics(manager: AnyTaskManager, prefix: string, clock: Clock): readonly Metric[] {
  const stats = onceATurn(() => manager.stats());
  const types = (): [type: string, counts: TypeStats][] => Object.entries(stats().types);
  return [
    new Gauge({
      name: `${prefix}tasks`,
      help: 'Tasks that have not settled, by type and status.',
      labelNames: ['type', 'status'],
      registers: [],
      collect() {
        for (const [type, counts] of types()) {
          for (const status of UNSETTLED) this.set({ type, status }, counts[status]);
        }
      },
    }),
    new Counter({
      name: `${prefix}tasks_submitted_total`,
      help: 'Tasks that were taken on, by type.',
      labelNames: ['type'],
      registers: [],
      collect() {
        this.reset();
        for (const [type, counts] of types()) this.inc({ type }, submittedOf(counts));
      },
    }),
    new Counter({
      name: `${prefix}tasks_settled_total`,
      help: 'Tasks that have settled, by type and how they ended.',
      labelNames: ['type', 'status'],
      registers: [],
      collect() {
        this.reset();
        for (const [type, counts] of types()) {
          for (const status of SETTLED) this.inc({ type, status }, counts[status]);
        }
      },
    }),
    new Counter({
      name: `${prefix}task_failures_total`,
      help: 'Tasks that failed, by type and the code of the error.',
      labelNames: ['type', 'code'],
      registers: [],
      collect() {
        this.reset();
        for (const [type, { failures }] of types()) {
          for (const [code, count] of Object.entries(failures)) this.inc({ type, code }, count);
        }
      },
    }),
    new Gauge({
      name: `${prefix}oldest_pending_age_seconds`,
      help: 'Time since the submission of the pending task that was submitted first, by type; 0 where none is pending.',
      labelNames: ['type'],
      registers: [],
      collect() {
        const now = clock.now();
        for (const [type, { oldestPendingAt }] of types())
          this.set({ type }, secondsBetween(oldestPendingAt ?? now, now));
      },
    }),
    new Gauge({
      name: `${prefix}threads`,
      help: 'Threads: how many there may be (max), are (live), have work (busy), and do not stop or show no sign of life (overdue).',
      labelNames: ['state'],
      registers: [],
      collect() {
        const { threads } = stats();
        for (const state of ['max', 'live', 'busy', 'overdue'] as const) this.set({ state }, threads[state]);
      },
    }),
    new Gauge({
      name: `${prefix}thread_heap_used_bytes`,
      help: 'Heap in use of a thread, as it measured after a chunk, once a second at most.',
      labelNames: ['thread'],
      registers: [],
      collect() {
        // Threads go.
        this.reset();
        for (const { id, heapUsedBytes } of manager.threads()) {
          if (heapUsedBytes !== null) this.set({ thread: String(id) }, heapUsedBytes);
        }
      },
    }),
  ] as Metric[];
}

function submittedOf(counts: TypeStats): number {
  return [...UNSETTLED, ...SETTLED].reduce((sum, status) => sum + counts[status], 0);
}

/** All metrics of a registry are read in one turn: so they are of one moment, and the work is done once. */
function onceATurn(read: () => TaskStats): () => TaskStats {
  let known: TaskStats | null = null;
  return () => {
    if (known === null) {
      known = read();
      queueMicrotask(() => {
        known = null;
      });
    }
    return known;
  };
}
