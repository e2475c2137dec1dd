import { Counter, Gauge, type Metric } from 'prom-client';
import type { StreamCounts } from '../http/options.js';

/** Metrics of the event streams of all APIs that have these metrics. */
export interface StreamMetrics {
  readonly metrics: readonly Metric[];
  /** Those of one more API. What it counted stays when it has closed. */
  readonly add: (streams: StreamCounts) => void;
}

export function streamMetrics(prefix: string): StreamMetrics {
  const apis = new Set<StreamCounts>();
  const sumOf = (count: keyof StreamCounts): number => [...apis].reduce((sum, api) => sum + api[count], 0);
  return {
    metrics: [
      new Gauge({
        name: `${prefix}event_streams`,
        help: 'Event streams that are open.',
        registers: [],
        collect() {
          this.set(sumOf('open'));
        },
      }),
      new Counter({
        name: `${prefix}event_streams_dropped_total`,
        help: 'Event streams that ended because their reader was too slow.',
        registers: [],
        collect() {
          this.reset();
          this.inc(sumOf('dropped'));
        },
      }),
      new Gauge({
        name: `${prefix}event_replay_bytes`,
        help: 'Events that are kept for readers that come back.',
        registers: [],
        collect() {
          this.set(sumOf('keptBytes'));
        },
      }),
    ],
    add: (streams) => void apis.add(streams),
  };
}
