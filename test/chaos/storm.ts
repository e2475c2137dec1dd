import { isDeepStrictEqual } from 'node:util';
import { CHAOS_TYPE_NAMES } from './chaos-types.js';
import { type Dice, throwDice } from './dice.js';
import { Driver, type Refusals } from './driver.js';
import type { Ending, FaultName } from './faults.js';
import { type TaskPlan, planTask } from './task-plan.js';
import type { ThreadCensus } from './thread-census.js';
import type { Violations } from './violations.js';
import { WatchedManager } from './watched-manager.js';
import { Weather } from './weather.js';

export interface StormOptions {
  readonly seed: number;
  readonly tasks: number;
  /** The faults that may be drawn. */
  readonly menu: readonly FaultName[];
  readonly census: ThreadCensus;
  readonly violations: Violations;
  /** Is given the manager at the start, for whoever watches that it goes on. */
  readonly onStart: (watched: WatchedManager) => void;
}

/** What a storm brought, besides violations. */
export interface StormReport {
  readonly accepted: number;
  readonly refusals: Readonly<Refusals>;
  readonly endings: ReadonlyMap<Ending, number>;
  readonly strayHits: number;
  readonly errorsOfBystanders: number;
  readonly peakThreads: number;
  readonly peakTasks: number;
  readonly closing: string;
}

// The last tasks, in the midst of which the manager is closed.
const LAST_SHARE = 0.01;
const MAX_LAST = 80;
const CLOSING = 2_000_000_000;
const PROBES = 100_000_000;

/** One manager from its start to its end, with so many tasks. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const { seed, menu, violations } = options;
  const watched = new WatchedManager(violations);
  const driver = new Driver(watched, violations);
  const weather = new Weather(seed, watched, driver.appointments, violations);
  options.onStart(watched);
  const last = Math.min(MAX_LAST, Math.ceil(options.tasks * LAST_SHARE));
  for (let number = 0; number < options.tasks - last; number++) {
    await weather.change(number);
    await driver.submit(planTask(seed, number, menu));
  }
  await weather.calm();
  await watched.ledger.allSettled();
  // Every kind of task must still run.
  for (const type of CHAOS_TYPE_NAMES) await driver.submit(probe(seed, type));
  await watched.ledger.allSettled();
  await driver.watchersDone();
  watched.auditAtRest();

  const plans = Array.from({ length: last }, (_, at) => planTask(seed, options.tasks - last + at, menu));
  await Promise.all(plans.map((plan) => driver.submit({ ...plan, whenFull: 'gives-up' })));
  const closing = await close(options, watched, driver);
  driver.appointments.clear();
  watched.auditAtRest();
  await watched.ledger.audit();
  watched.bystanders.audit();
  const { ledger } = watched;
  return {
    accepted: ledger.entries.size,
    refusals: driver.refusals,
    endings: ledger.endings,
    strayHits: ledger.strayHits,
    errorsOfBystanders: watched.bystanders.thrown,
    peakThreads: watched.threads.peak,
    peakTasks: watched.slots.peak,
    closing,
  };
}

/** A task without a fault. */
function probe(seed: number, type: (typeof CHAOS_TYPE_NAMES)[number]): TaskPlan {
  for (let number = PROBES; ; number++) {
    const plan = planTask(seed, number, ['none']);
    if (plan.type === type && plan.cancel === null) {
      return { ...plan, number: PROBES + CHAOS_TYPE_NAMES.indexOf(type), resourceId: undefined, onDuplicate: undefined };
    }
  }
}

/** Closes the manager while it works; says how, and what its report said. */
async function close(
  { seed, census, violations }: StormOptions,
  watched: WatchedManager,
  driver: Driver,
): Promise<string> {
  const { tasks, ledger, clock } = watched;
  const dice: Dice = throwDice(seed, CLOSING);
  const timeoutMs = dice.pick([0, 20, 100, 2_000]);
  const hurryMs = dice.chance(0.3) ? dice.integer(0, 20) : null;
  if (dice.chance(0.2)) tasks.pause();
  driver.closing = true;
  const closed = tasks.close({ timeoutMs });
  if (hurryMs !== null) driver.appointments.after(hurryMs, () => void tasks.close({ timeoutMs: 0 }));
  const late = tasks.submit('piece').catch((error: unknown) => (error as { code?: unknown }).code);
  const { cancelled, interrupted, alive } = await closed;
  const threadsAtOnce = census.living;
  for (const id of [...cancelled, ...interrupted]) {
    const entry = ledger.entries.get(id);
    if (entry === undefined) violations.add(`the report of close() names ${id}, which nobody submitted`);
    else entry.stopped = true;
  }
  for (const id of cancelled) {
    const entry = ledger.entries.get(id);
    if (entry?.settled?.status !== 'cancelled') violations.add('close() reports it as cancelled', entry?.plan);
  }
  const unsettled = [...ledger.entries.values()].filter(({ settled }) => settled === null).map(({ id }) => id);
  if (!isDeepStrictEqual(new Set(unsettled), new Set(alive))) {
    violations.add(`close() reports ${alive.length} tasks as alive, and ${unsettled.length} have not settled`);
  }
  if ((await late) !== 'CLOSED') violations.add(`submit() after close() gave ${String(await late)}`);
  if (threadsAtOnce > alive.length) {
    violations.add(`${threadsAtOnce} threads lived when close() was over, and it reported ${alive.length}`);
  }
  await ledger.allSettled();
  await census.gone();
  await driver.watchersDone();
  const { live } = tasks.stats().threads;
  if (live > 0) violations.add(`stats() says that ${live} threads live, and none does`);
  if (clock.timers + clock.tickers > 0) {
    violations.add(`the engine left ${clock.timers} timers and ${clock.tickers} tickers`);
  }
  return `close({ timeoutMs: ${timeoutMs} })${hurryMs === null ? '' : `, again after ${hurryMs} ms`}: ${cancelled.length} cancelled, ${interrupted.length} interrupted, ${alive.length} alive`;
}
