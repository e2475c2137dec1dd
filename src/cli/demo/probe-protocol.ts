import type { Latencies } from './latencies.js';

/** What the demo tells its probe. */
export type ProbeOrder =
  | {
      readonly kind: 'start';
      readonly port: number;
      readonly queries: readonly string[];
      /** Removed by the probe if the demo is gone without having done so. */
      readonly directory: string;
    }
  /** Asks from now on, and counts what is due from now on. */
  | { readonly kind: 'measure' }
  /** Asks no more, waits for what is under way, and reports. */
  | { readonly kind: 'report' };

/** What the probe answers. */
export type ProbeReport = { readonly kind: 'ready' } | { readonly kind: 'latencies'; readonly latencies: Latencies };

/** Time between two requests, in milliseconds. */
export const PROBE_INTERVAL_MS = 20;

/** A request that is not answered by then counts as failed, in milliseconds. Its answer is waited for all the same. */
export const PROBE_TIMEOUT_MS = 2_000;

/** Then it is given up, in milliseconds. */
export const PROBE_PATIENCE_MS = 60_000;
