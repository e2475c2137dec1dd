import { CHAOS_TYPE_NAMES } from './chaos-types.js';
import { closeInTheMidst } from './closing.js';
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
  /** Of them, the last ones: while they are under way the manager is closed. */
  readonly last: number;
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

const PROBES = 100_000_000;

/** One manager from its start to its end, with so many tasks. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const { seed, menu, last, violations } = options;
  const watched = new WatchedManager(violations);
  const driver = new Driver(watched, violations);
  const weather = new Weather(seed, watched, driver.appointments, violations);
  options.onStart(watched);
  for (let number = 0; number < options.tasks - last; number++) {
    await weather.change(number);
    await driver.submit(planTask(seed, number, menu));
  }
  await weather.calm();
  // Every kind of task must still run after all that.
  if (last < options.tasks) for (const type of CHAOS_TYPE_NAMES) await driver.submit(probe(seed, type));
  await watched.ledger.allSettled();
  await driver.watchersDone();
  watched.auditAtRest();

  const plans = Array.from({ length: last }, (_, at) => planTask(seed, options.tasks - last + at, menu));
  await Promise.all(plans.map((plan) => driver.submit({ ...plan, whenFull: 'gives-up' })));
  const closing = await closeInTheMidst(options, watched, driver);
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
      return {
        ...plan,
        number: PROBES + CHAOS_TYPE_NAMES.indexOf(type),
        resourceId: undefined,
        onDuplicate: undefined,
      };
    }
  }
}
