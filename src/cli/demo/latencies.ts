/** What a probe saw in one phase. Times in milliseconds, from the moment a request was due. */
export interface Latencies {
  readonly requests: number;
  /** Answered too late, badly, without the hit that there must be, or not at all. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** True where the longest was given up: it would have taken longer still. */
  readonly maxGivenUp: boolean;
}

/** The value that the fraction `q` of all lies at or below (nearest rank). NaN where there is none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Collects the requests of one phase. */
export class LatencyLog {
  readonly #timesMs: number[] = [];
  #failed = 0;
  #longestGivenUpMs = 0;

  /** An answer that came. `good` when it was right and in time. */
  answered(ms: number, good: boolean): void {
    this.#timesMs.push(ms);
    if (!good) this.#failed++;
  }

  /** No answer after `ms`. It counts with that time, which is less than it would have been. */
  givenUp(ms: number): void {
    this.#longestGivenUpMs = Math.max(this.#longestGivenUpMs, ms);
    this.answered(ms, false);
  }

  summary(): Latencies {
    const sorted = this.#timesMs.toSorted((a, b) => a - b);
    const maxMs = sorted.at(-1) ?? Number.NaN;
    return {
      requests: sorted.length,
      failed: this.#failed,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      maxMs,
      maxGivenUp: this.#longestGivenUpMs >= maxMs,
    };
  }
}
