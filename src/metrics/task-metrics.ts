import { type Metric, Registry, type RegistryContentType } from 'prom-client';
import type { Clock } from '../engine/clock.js';
import { invalidArgument, onlyKeys } from '../engine/errors.js';
import { checkClock } from '../engine/options.js';
import type { AnyTaskType, TaskManager } from '../engine/task-manager.js';
import type { MetricsSource, StreamCounts } from '../http/options.js';
import { loopMetrics } from './loop-metrics.js';
import { MetricSet } from './metric-set.js';
import { statsMetrics } from './stats-metrics.js';
import { streamMetrics } from './stream-metrics.js';
import { timeMetrics } from './time-metrics.js';

/** A manager of whatever task types. */
// oxlint-disable-next-line typescript/no-explicit-any -- only `any` takes managers of all types
export type AnyTaskManager = TaskManager<any>;

/** How {@link taskMetrics} works. */
export interface TaskMetricsOptions {
  /** Where the metrics go: a registry of yours, with whatever else is in it. @default one of their own */
  register?: Registry<RegistryContentType>;
  /**
   * What the names of all metrics begin with: letters, digits and `_`. Several managers in one registry need one each.
   * @default 'treadle_'
   */
  prefix?: string;
  /** The clock of the manager, where it was given one. @default the machine's clock */
  clock?: Clock;
}

/** The metrics of a manager, for Prometheus. */
export interface TaskMetrics extends MetricsSource {
  /** Where they are. */
  readonly register: Registry<RegistryContentType>;
  /** Of {@link text}. */
  readonly contentType: string;
  /** All that is in the registry, as it is now. */
  text(): Promise<string>;
  /** `createTaskApi` gives its event streams. */
  addStreams(streams: StreamCounts): void;
  /** Listens to the manager no more, and takes its metrics out of the registry. Others stay. */
  close(): void;
}

/**
 * Keeps the metrics of a manager. Labels are types, phases, states and codes, never ids or owners. Counters begin with the
 * manager; what is a time is counted from this call on.
 *
 * @example
 * const metrics = taskMetrics(tasks);
 * const api = createTaskApi(tasks, { metrics }); // GET /api/v1/metrics
 *
 * @throws TreadleError INVALID_ARGUMENT for options that are none, or where the registry has a metric of such a name.
 */
export function taskMetrics<Types extends { readonly [Name in keyof Types]: AnyTaskType }>(
  manager: TaskManager<Types>,
  options: TaskMetricsOptions = {},
): TaskMetrics {
  const { register, prefix, clock } = resolveOptions(options);
  const ofTimes = timeMetrics(prefix);
  const ofStreams = streamMetrics(prefix);
  const ofLoop = loopMetrics(prefix);
  const metrics: readonly Metric[] = [
    ...statsMetrics(manager as AnyTaskManager, prefix, clock),
    ...ofTimes.metrics,
    ...ofStreams.metrics,
    ...ofLoop.metrics,
  ];
  const set = new MetricSet(register, metrics);
  const stopListening = ofTimes.listenTo(manager as AnyTaskManager);
  const stopWatching = ofLoop.watch();
  return {
    register,
    get contentType() {
      return register.contentType;
    },
    text: () => register.metrics(),
    addStreams: ofStreams.add,
    close: () => {
      stopListening();
      stopWatching();
      set.remove();
    },
  };
}

function resolveOptions(options: TaskMetricsOptions): Required<TaskMetricsOptions> {
  onlyKeys('options', options, ['register', 'prefix', 'clock']);
  const { register = new Registry(), prefix = 'treadle_', clock } = options;
  if (typeof (register as Partial<Registry> | null)?.registerMetric !== 'function') {
    throw invalidArgument('register', 'a `Registry` of prom-client', register);
  }
  if (typeof prefix !== 'string' || !/^[a-z_]\w*$/i.test(prefix)) {
    throw invalidArgument('prefix', 'letters, digits and `_`, without a digit in front', prefix);
  }
  return { register, prefix, clock: checkClock(clock) };
}
