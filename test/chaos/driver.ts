import { isDeepStrictEqual } from 'node:util';
import { type SettledRecord, type TaskHandle, TreadleError } from 'treadle';
import { Appointments } from './appointments.js';
import { ItemFeed } from './item-feed.js';
import type { LedgerEntry } from './ledger.js';
import { inputOf } from './task-input.js';
import type { TaskPlan } from './task-plan.js';
import type { Violations } from './violations.js';
import type { WatchedManager } from './watched-manager.js';

/** What became of submissions that made no task. */
export interface Refusals {
  joined: number;
  duplicate: number;
  queueFull: number;
  gaveUp: number;
  unserializable: number;
  closed: number;
}

const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** Does with each task what its plan says: submits, cancels and watches it. */
export class Driver {
  readonly appointments: Appointments = new Appointments();
  readonly refusals: Refusals = { joined: 0, duplicate: 0, queueFull: 0, gaveUp: 0, unserializable: 0, closed: 0 };
  /** The manager was told to close: it may refuse everything. */
  closing = false;
  readonly #watched: WatchedManager;
  readonly #violations: Violations;
  readonly #watching = new Set<Promise<void>>();

  constructor(watched: WatchedManager, violations: Violations) {
    this.#watched = watched;
    this.#violations = violations;
    watched.onAccepted = (entry) => this.#onAccepted(entry);
    watched.onBegun = (entry) => this.#onBegun(entry);
    watched.onRetrying = (entry) => {
      if (entry.plan.cancel?.when === 'in-retrying-event') this.#stop(entry, entry.plan, entry.handle);
    };
  }

  /** Submits a task, again where the queue is full and the plan says so. */
  async submit(plan: TaskPlan): Promise<void> {
    const { submitting, ledger } = this.#watched;
    const feed = new ItemFeed(plan);
    submitting.set(plan.number, { plan, feed });
    try {
      while (!(await this.#trySubmit(plan, feed))) {
        if (plan.whenFull === 'gives-up') {
          this.refusals.gaveUp++;
          return;
        }
        await ledger.nextSettled();
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    } finally {
      submitting.delete(plan.number);
    }
  }

  /** Resolves when everybody who watched has seen what there is to see. */
  async watchersDone(): Promise<void> {
    await Promise.all(this.#watching);
  }

  /** False when the queue is full. */
  async #trySubmit(plan: TaskPlan, feed: ItemFeed): Promise<boolean> {
    const { tasks, ledger } = this.#watched;
    const { type, priority, resourceId, onDuplicate, group, number } = plan;
    let handle: TaskHandle;
    try {
      const options = {
        input: inputOf(plan),
        ...(feed.items === undefined ? {} : { items: feed.items }),
        ...(resourceId === undefined ? {} : { resourceId }),
        ...(onDuplicate === undefined ? {} : { onDuplicate }),
        ...(group === undefined ? {} : { group }),
        priority,
        meta: { number },
        onSettled: (record: SettledRecord) => this.#ownHook(plan, record),
      };
      handle = await tasks.submit(type, options);
    } catch (error) {
      return this.#onRefused(plan, error);
    }
    const entry = ledger.entries.get(handle.id);
    if (entry === undefined) {
      this.#violations.add(`submit() gave ${handle.id}, which no event told of`, plan);
      return true;
    }
    entry.ownHooksDue++;
    if (entry.plan === plan) entry.handle = handle;
    else this.#onJoined(plan, entry);
    if (plan.cancel?.when === 'at-once') this.#stop(entry, plan, handle);
    if (plan.cancel?.when === 'after-submitting') {
      this.appointments.after(plan.cancel.afterMs, () => this.#stop(entry, plan, handle));
    }
    if (plan.watch !== 'not') this.#watch(entry, plan, handle);
    return true;
  }

  #onJoined(plan: TaskPlan, entry: LedgerEntry): void {
    this.refusals.joined++;
    const same = entry.plan.type === plan.type && entry.plan.resourceId === plan.resourceId;
    if (plan.onDuplicate !== 'join' || !same) this.#violations.add(`joined task ${entry.plan.number}`, plan);
  }

  /** False when it may be tried again. */
  #onRefused(plan: TaskPlan, error: unknown): boolean {
    const code = error instanceof TreadleError ? error.code : null;
    if (code === 'QUEUE_FULL') {
      this.refusals.queueFull++;
      return false;
    }
    if (code === 'DUPLICATE_TASK' && plan.resourceId !== undefined && plan.onDuplicate !== 'allow') {
      this.refusals.duplicate++;
      const other = this.#watched.ledger.entries.get((error as TreadleError).taskId ?? '')?.plan;
      if (!isDeepStrictEqual([other?.type, other?.resourceId], [plan.type, plan.resourceId])) {
        this.#violations.add(`is no duplicate of task ${other?.number}`, plan);
      }
    } else if (code === 'UNSERIALIZABLE' && plan.fault === 'input-unclonable') this.refusals.unserializable++;
    else if (code === 'CLOSED' && this.closing) this.refusals.closed++;
    else this.#violations.add(`was refused: ${String(error)}`, plan);
    return true;
  }

  #ownHook(plan: TaskPlan, record: SettledRecord): unknown {
    const entry = this.#watched.ledger.entryOf(record);
    if (entry !== null) entry.ownHooks++;
    if (plan.hook === 'counts') return;
    const error = this.#watched.bystanders.error(`the hook of task ${plan.number}`);
    if (plan.hook === 'throws') throw error;
    return Promise.reject(error);
  }

  #onAccepted(entry: LedgerEntry): void {
    if (entry.plan.cancel?.when === 'in-submitted-event') this.#stop(entry, entry.plan, null);
  }

  #onBegun(entry: LedgerEntry): void {
    const { cancel } = entry.plan;
    if (cancel?.when === 'in-running-event') this.#stop(entry, entry.plan, entry.handle);
    if (cancel?.when === 'after-start') {
      this.appointments.after(cancel.afterMs, () => this.#stop(entry, entry.plan, entry.handle));
    }
  }

  #stop(entry: LedgerEntry, plan: TaskPlan, handle: TaskHandle | null): void {
    entry.stopped = true;
    const record =
      handle !== null && plan.cancel?.by === 'handle' ? handle.cancel() : this.#watched.tasks.cancel(entry.id);
    // It may have left the history, or be stopped for another reason already. Between two attempts it is cleaned up after
    // as it is, without becoming `cancelling`.
    if (record?.status === 'pending' && record.startedAt === null)
      this.#violations.add('waits after it was cancelled', entry.plan);
  }

  #watch(entry: LedgerEntry, plan: TaskPlan, handle: TaskHandle): void {
    const watching = this.#see(entry, plan, handle)
      .catch((error: unknown) => this.#violations.add(`watch() threw ${String(error)}`, plan))
      .finally(() => this.#watching.delete(watching));
    this.#watching.add(watching);
  }

  async #see(entry: LedgerEntry, plan: TaskPlan, handle: TaskHandle): Promise<void> {
    let seen = 0;
    let fraction = 0;
    let last = '';
    for await (const record of handle.watch()) {
      if (FINAL.has(last)) this.#violations.add('watch() went on after the end', entry.plan);
      last = record.status;
      const now = record.progress.fraction ?? fraction;
      if (now < fraction) this.#violations.add(`watch() saw the fraction fall from ${fraction} to ${now}`, entry.plan);
      fraction = now;
      if (plan.watch === 'leaves' && ++seen > plan.amount % 4) return;
    }
    if (!FINAL.has(last)) this.#violations.add(`watch() ended with ${last}`, entry.plan);
  }
}
