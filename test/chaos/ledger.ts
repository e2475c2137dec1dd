import { isDeepStrictEqual } from 'node:util';
import { type SettledRecord, TRANSITIONS, type TaskHandle, type TaskRecord } from 'treadle';
import type { Ending } from './faults.js';
import type { ItemFeed } from './item-feed.js';
import { allowedEndings, endingOf, expectedSkips, expectedValue, wasHitByStray } from './oracle.js';
import type { TaskPlan } from './task-plan.js';
import { Violations, describePlan } from './violations.js';

/** What is known of one accepted task. */
export interface LedgerEntry {
  readonly id: string;
  readonly plan: TaskPlan;
  readonly feed: ItemFeed | null;
  /** Somebody asked it to stop. */
  stopped: boolean;
  /** It had not settled when its manager was closed. */
  closing: boolean;
  status: TaskRecord['status'];
  fraction: number;
  settled: SettledRecord | null;
  /** How often each was told of its end. */
  events: number;
  typeHooks: number;
  managerHooks: number;
  /** The hooks that came with its submissions: one, and one more for each that joined. */
  ownHooks: number;
  ownHooksDue: number;
  handle: TaskHandle | null;
}

/** Every accepted task of a run: what happened to it, held against what may happen. */
export class Ledger {
  readonly entries: Map<string, LedgerEntry> = new Map();
  readonly violations: Violations;
  readonly endings: Map<Ending, number> = new Map();
  strayHits = 0;
  /** Rises with everything that happens. */
  pulse = 0;
  unsettled = 0;
  #waiting: (() => void)[] = [];

  constructor(violations: Violations) {
    this.violations = violations;
  }

  accept(id: string, plan: TaskPlan, feed: ItemFeed | null): LedgerEntry {
    const entry: LedgerEntry = {
      id,
      plan,
      feed,
      stopped: false,
      closing: false,
      status: 'pending',
      fraction: 0,
      settled: null,
      events: 0,
      typeHooks: 0,
      managerHooks: 0,
      ownHooks: 0,
      ownHooksDue: 0,
      handle: null,
    };
    if (this.entries.has(id)) this.violations.add(`task ${id} was submitted twice`);
    this.entries.set(id, entry);
    this.unsettled++;
    this.pulse++;
    return entry;
  }

  /** The entry of a record that an event or a hook brought. */
  entryOf(record: TaskRecord): LedgerEntry | null {
    this.pulse++;
    const entry = this.entries.get(record.id);
    if (entry === undefined) this.violations.add(`an event came for ${record.id}, which nobody submitted`);
    return entry ?? null;
  }

  /** A transition was announced. */
  moved(record: TaskRecord): LedgerEntry | null {
    const entry = this.entryOf(record);
    if (entry === null) return null;
    const following: readonly string[] = TRANSITIONS[entry.status];
    if (!following.includes(record.status)) {
      this.violations.add(`went from ${entry.status} to ${record.status}`, entry.plan);
    }
    entry.status = record.status;
    return entry;
  }

  progressed(record: TaskRecord): void {
    const entry = this.entryOf(record);
    if (entry === null) return;
    if (entry.settled !== null) this.violations.add('made progress after its end', entry.plan);
    this.checkFraction(entry, record);
  }

  /** The fraction never falls, and is 1 only at the end of what completed. */
  checkFraction(entry: LedgerEntry, record: TaskRecord): void {
    const { fraction } = record.progress;
    if (fraction === null) return;
    if (fraction < entry.fraction)
      this.violations.add(`its fraction fell from ${entry.fraction} to ${fraction}`, entry.plan);
    if (fraction === 1 && record.status !== 'completed')
      this.violations.add(`is ${record.status} at fraction 1`, entry.plan);
    entry.fraction = Math.max(entry.fraction, fraction);
  }

  settled(record: SettledRecord): LedgerEntry | null {
    const entry = this.moved(record);
    if (entry === null) return null;
    entry.events++;
    if (entry.settled !== null) {
      this.violations.add(`settled twice: ${endingOf(entry.settled)}, then ${endingOf(record)}`, entry.plan);
      return entry;
    }
    entry.settled = record;
    this.unsettled--;
    this.checkFraction(entry, record);
    const ending = endingOf(record);
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
    return entry;
  }

  /** Resolves when the next task settles; at once when there is none. */
  nextSettled(): Promise<void> {
    if (this.unsettled === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  async allSettled(): Promise<void> {
    while (this.unsettled > 0) await this.nextSettled();
  }

  /** Holds everything against the oracle, once all has settled and every hook has had its turn. */
  async audit(): Promise<void> {
    for (const entry of this.entries.values()) await this.#auditTask(entry);
  }

  async #auditTask(entry: LedgerEntry): Promise<void> {
    const { plan, settled, violations } = { ...entry, violations: this.violations };
    if (settled === null) return violations.add(`never settled: it is ${entry.status}`, plan);
    const told = [entry.events, entry.typeHooks, entry.managerHooks];
    if (told.some((count) => count !== 1) || entry.ownHooks !== entry.ownHooksDue) {
      violations.add(
        `its end was told to events, type hook and manager hook ${told.join(', ')} times, ` +
          `to ${entry.ownHooks} of ${entry.ownHooksDue} hooks of its own`,
        plan,
      );
    }
    const complaint = entry.feed?.complaint ?? null;
    if (complaint !== null) violations.add(`${complaint}; it ended as ${endingOf(settled)}`, plan);
    const isAllowed = allowedEndings(plan, entry.stopped, entry.closing).has(endingOf(settled));
    if (wasHitByStray(settled) && !isAllowed) this.strayHits++;
    if (!isAllowed) {
      const why = settled.status === 'failed' ? `: ${settled.error.message}` : '';
      violations.add(`ended as ${endingOf(settled)}${why}`, plan);
    }
    if (settled.status === 'completed') return this.#auditValue(entry, settled);
    const code = settled.status === 'failed' ? settled.error.code : 'TASK_CANCELLED';
    const got = await entry.handle?.result().then(
      () => 'a value',
      (error: unknown) => (error as { code?: unknown }).code,
    );
    if (entry.handle !== null && got !== code) violations.add(`result() gave ${String(got)} and not ${code}`, plan);
  }

  async #auditValue(entry: LedgerEntry, record: SettledRecord): Promise<void> {
    const { plan, handle } = entry;
    const right = expectedValue(plan);
    const got = await handle?.result();
    if (!isDeepStrictEqual(got, right)) {
      this.violations.add(`returned ${shortText(got)} and not ${shortText(right)}`, plan);
    }
    const skips = expectedSkips(plan);
    const { count, items } = record.failedItems;
    if (count !== skips || (skips === 1 && items[0]?.index !== plan.at)) {
      this.violations.add(
        `left out ${count} items (${items.map(({ index }) => index).join(', ')}), not ${skips}`,
        plan,
      );
    }
    const { itemsDone, fraction } = record.progress;
    if (plan.itemsFrom !== 'none' && itemsDone !== plan.items) {
      this.violations.add(`completed with ${itemsDone} of ${plan.items} items`, plan);
    }
    if (plan.itemsFrom !== 'none' && fraction !== 1) this.violations.add(`completed at fraction ${fraction}`, plan);
  }

  /** The tasks that are stuck, for whoever looks for the reason. */
  stuck(): string[] {
    return [...this.entries.values()]
      .filter(({ settled }) => settled === null)
      .map(({ id, status, plan }) => `${id} is ${status}; ${describePlan(plan)}`);
  }
}

function shortText(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Uint8Array ? `${inner.length} bytes` : inner,
  );
  return text === undefined ? 'undefined' : text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
