import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Metric } from 'prom-client';

const RESOLUTION_MS = 10;

/** How late the event loop of the process is. */
export interface LoopMetrics {
  readonly metrics: readonly Metric[];
  /** Begins to measure. Returns what ends that. */
  watch(): () => void;
}

/**
 * Gauges of the time from one reading to the next. Registries of prom-client's default metrics have such ones too, with
 * `nodejs_` in their names; these count from 0, those from the interval of measuring.
 */
export function loopMetrics(prefix: string): LoopMetrics {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  // It measures from tick to tick, so that a loop that is never late shows the resolution.
  const seconds = (ns: number): number => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1e3);
  const gauge = (name: string, which: string): Gauge =>
    new Gauge({
      name: `${prefix}event_loop_delay_${name}_seconds`,
      help: `How late the event loop was, ${which}, since the metrics were read last.`,
      registers: [],
    });
  const p50 = gauge('p50', 'median');
  const p99 = gauge('p99', '99th percentile');
  const max = new Gauge({
    name: `${prefix}event_loop_delay_max_seconds`,
    help: 'How late the event loop was at most, since the metrics were read last.',
    registers: [],
    // The first of the three in the registry: sets all.
    collect() {
      p50.set(seconds(delays.percentile(50)));
      p99.set(seconds(delays.percentile(99)));
      this.set(seconds(delays.max));
      delays.reset();
    },
  });
  return {
    metrics: [max, p50, p99],
    watch: () => {
      delays.enable();
      return () => void delays.disable();
    },
  };
}
