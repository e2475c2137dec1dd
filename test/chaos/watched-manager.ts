import { type TaskRecord, type TaskType, TaskManager, type SettledRecord } from 'treadle';
import { Bystanders } from './bystanders.js';
import { CHAOS_TYPES, type ChaosTypeName, chaosType, managedTypes } from './chaos-types.js';
import { CountingClock } from './counting-clock.js';
import type { ItemFeed } from './item-feed.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import { MovingLimit } from './limits.js';
import type { TaskPlan } from './task-plan.js';
import type { Violations } from './violations.js';

export const MAX_THREADS = 3;
export const MAX_SLOTS = 12;
export const MAX_QUEUE = 60;
const MAX_HISTORY = 200;
// Short, so that threads retire in the lulls of a run.
const IDLE_MS = 40;
const GRACE_MS = 40;
// Little, so that a thread runs out of it soon.
const THREAD_HEAP_MB = 40;
const THREAD_TASKS = 200;

/** A manager of which everything that happens is held against what may happen. */
export class WatchedManager {
  readonly tasks: TaskManager<Record<ChaosTypeName, TaskType<never>>>;
  readonly clock = new CountingClock();
  readonly ledger: Ledger;
  readonly bystanders: Bystanders;
  readonly threads: MovingLimit = new MovingLimit(MAX_THREADS);
  readonly slots: MovingLimit = new MovingLimit(MAX_SLOTS);
  /** Errors that tasks left behind. */
  strays = 0;
  /** What is being submitted, by number. */
  readonly submitting: Map<number, { readonly plan: TaskPlan; readonly feed: ItemFeed }> = new Map();
  /** Are called within the event that tells that a task was accepted, has begun, or is to be run again. */
  onAccepted: (entry: LedgerEntry) => void = () => {};
  onBegun: (entry: LedgerEntry) => void = () => {};
  onRetrying: (entry: LedgerEntry) => void = () => {};
  readonly #violations: Violations;
  readonly #running = new Map<ChaosTypeName, number>();

  constructor(violations: Violations) {
    this.#violations = violations;
    this.ledger = new Ledger(violations);
    this.bystanders = new Bystanders(violations);
    this.tasks = new TaskManager({
      types: managedTypes((record) => this.#onHook(record, 'typeHooks')),
      maxConcurrentTasks: MAX_SLOTS,
      threads: {
        max: MAX_THREADS,
        idleMs: IDLE_MS,
        resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB, maxYoungGenerationSizeMb: 8 },
        recycle: { afterTasks: THREAD_TASKS },
      },
      queue: { max: MAX_QUEUE },
      history: { max: MAX_HISTORY },
      cancelGraceMs: GRACE_MS,
      clock: this.clock,
    });
    this.#listen();
  }

  setThreads(max: number): void {
    this.threads.sink(this.tasks.stats().threads.live);
    this.threads.set(max);
    this.tasks.setThreads(max);
  }

  setSlots(max: number): void {
    this.slots.set(max);
    this.tasks.setMaxConcurrentTasks(max);
  }

  /** Holds the counters against the ledger; only while nothing is in progress. */
  auditAtRest(): void {
    const { total, pending, running, cancelling, completed, failed, cancelled, history, threads } = this.tasks.stats();
    const { entries } = this.ledger;
    this.slots.sink(0);
    const ended = { completed: 0, failed: 0, cancelled: 0 };
    for (const { settled } of entries.values()) if (settled !== null) ended[settled.status]++;
    const counted = { total, pending, running, cancelling, completed, failed, cancelled, busy: threads.busy };
    const right = { total: entries.size, pending: 0, running: 0, cancelling: 0, ...ended, busy: 0 };
    if (JSON.stringify(counted) !== JSON.stringify(right)) {
      this.#violations.add(`stats() says ${JSON.stringify(counted)} and not ${JSON.stringify(right)}`);
    }
    if (history > MAX_HISTORY) this.#violations.add(`the history holds ${history} of ${MAX_HISTORY} records`);
  }

  #listen(): void {
    const { tasks, ledger } = this;
    // Before all other listeners: what a listener throws keeps the event from those after it.
    tasks.on('submitted', (record) => this.#onSubmitted(record));
    tasks.on('running', (record) => {
      const entry = ledger.moved(record);
      this.#count(record, 1);
      this.#sample();
      if (entry !== null) this.onBegun(entry);
    });
    tasks.on('retrying', (record) => {
      const entry = ledger.moved(record);
      this.#count(record, -1);
      this.#sample();
      if (entry !== null) this.onRetrying(entry);
    });
    tasks.on('cancelling', (record) => {
      ledger.moved(record);
      this.#sample();
    });
    for (const status of ['completed', 'failed', 'cancelled'] as const) {
      tasks.on(status, (record) => {
        const before = ledger.entries.get(record.id)?.status;
        ledger.settled(record);
        if (before !== 'pending') this.#count(record, -1);
        this.#sample();
      });
    }
    tasks.on('progress', (record) => ledger.progressed(record));
    tasks.on('log', ({ taskId }) => {
      ledger.pulse++;
      const entry = ledger.entries.get(taskId);
      if (entry?.settled !== null) this.#violations.add('logged after its end', entry?.plan);
    });
    tasks.on('strayError', ({ taskId }) => this.#onStray(taskId));
    tasks.on('listenerError', this.bystanders.onListenerError);
    tasks.onSettled((record) => this.#onHook(record, 'managerHooks'));
  }

  #onSubmitted(record: TaskRecord): void {
    const { number } = record.meta as { number: number };
    const submission = this.submitting.get(number);
    if (submission === undefined) return this.#violations.add(`task ${number} was accepted, and nobody submits it`);
    const entry = this.ledger.accept(record.id, submission.plan, submission.feed);
    this.#sample();
    this.onAccepted(entry);
  }

  #onStray(taskId: string | null): void {
    this.strays++;
    const entry = taskId === null ? undefined : this.ledger.entries.get(taskId);
    if (entry === undefined) this.#violations.add(`a stray error is said to be of ${taskId}, which nobody submitted`);
  }

  #onHook(record: SettledRecord, which: 'typeHooks' | 'managerHooks'): void {
    const entry = this.ledger.entryOf(record);
    if (entry !== null) entry[which]++;
  }

  /** At each event: never more threads, slots and tasks of a type than allowed. */
  #sample(): void {
    const { threads, running, cancelling } = this.tasks.stats();
    const tooMany = this.threads.check(threads.live);
    if (tooMany !== null) this.#violations.add(`threads: ${tooMany}`);
    this.threads.sink(threads.live);
    const tooManyTasks = this.slots.check(running + cancelling);
    if (tooManyTasks !== null) this.#violations.add(`tasks in progress: ${tooManyTasks}`);
  }

  #count(record: TaskRecord, change: 1 | -1): void {
    const type = record.type as keyof typeof CHAOS_TYPES;
    const running = (this.#running.get(type) ?? 0) + change;
    this.#running.set(type, running);
    const { concurrency = Infinity } = chaosType(type).policy;
    if (running > concurrency) this.#violations.add(`${running} tasks of ${type} run, ${concurrency} may`);
    if (running < 0) this.#violations.add(`more tasks of ${type} have ended than had begun`);
  }
}
