/** What the bench asks of the process that makes the load. */
export interface LoadOrder {
  /** Of the server, on the loopback interface. */
  readonly port: number;
  /** When requests are due, in milliseconds from the start, ascending. */
  readonly dueMs: readonly number[];
}

/** What the process answers when every request has had its answer. */
export interface LoadReport {
  /** From when each request was due until its answer was read. */
  readonly latenciesMs: readonly number[];
  /** How much later than due each was made: what of its latency is this process's own. */
  readonly lateMs: readonly number[];
  /** Requests that failed or got a wrong answer. */
  readonly wrong: number;
}

/** The path that is asked for, and the body that must come. */
export function askedPath(number: number): string {
  return `/hash/${number}`;
}
