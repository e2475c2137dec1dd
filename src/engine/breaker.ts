import { TreadleError } from './errors.js';
import type { Outcome } from './lanes.js';
import { type FailedSubject, errorOfLost, errorOfThrown } from './task-failure.js';

// A module that can't be loaded fails everybody alike; a thread may also have died of one task's input.
const MAX_MODULE_FAILURES = 5;
const MAX_DEATHS = 20;
const FIRST_BREAK_MS = 1_000;
const MAX_BREAK_MS = 30_000;

/**
 * Keeps a task type whose module fails, or kills its thread, again and again from using up the threads that others
 * need: each such attempt costs a thread that must be started anew. While the breaker is open, attempts of the type
 * fail at once with the last error's code; then one is let through, and if it comes back the breaker is closed.
 */
export class Breaker {
  #deaths = 0;
  #moduleFailures = 0;
  #breakMs = FIRST_BREAK_MS;
  #openUntilMs = -Infinity;
  /** One was let through, and it is not known yet what becomes of it. */
  #probing = false;
  #last: TreadleError | null = null;

  /** Attempts have to ask before they begin. */
  get isOpen(): boolean {
    return this.#openUntilMs !== -Infinity;
  }

  /** How a chunk of the type ended. */
  heard(task: FailedSubject, outcome: Outcome, nowMs: number): void {
    if (outcome.kind === 'lost') {
      if (countsAsDeath(outcome)) this.failed(errorOfLost(task, outcome), nowMs);
    } else if (outcome.kind === 'threw' && outcome.code === 'TASK_MODULE_FAILED') {
      this.failed(errorOfThrown(task, outcome), nowMs);
    } else if (outcome.kind !== 'unsendable' && outcome.kind !== 'stopped') {
      this.succeeded();
      return;
    }
    // Whoever was let through has told nothing: so the next one is.
    if (this.#probing && isUndecided(outcome)) this.#openUntilMs = nowMs;
    this.#probing = false;
  }

  /** Something of the type came back from a thread. */
  succeeded(): void {
    if (this.#last === null) return;
    this.#deaths = 0;
    this.#moduleFailures = 0;
    this.#breakMs = FIRST_BREAK_MS;
    this.#openUntilMs = -Infinity;
    this.#probing = false;
    this.#last = null;
  }

  /** The module could not be loaded, or a thread died under a task of the type. */
  failed(error: TreadleError, nowMs: number): void {
    this.#last = error;
    if (error.code === 'TASK_MODULE_FAILED') this.#moduleFailures++;
    else this.#deaths++;
    if (this.#moduleFailures < MAX_MODULE_FAILURES && this.#deaths < MAX_DEATHS) return;
    // Those that were under way when it opened do not make it last longer.
    if (nowMs < this.#openUntilMs) return;
    this.#open(nowMs);
  }

  #open(nowMs: number): void {
    this.#openUntilMs = nowMs + this.#breakMs;
    this.#breakMs = Math.min(MAX_BREAK_MS, this.#breakMs * 2);
  }

  /** Why an attempt must not begin now; null where it may. */
  refusal(task: FailedSubject, nowMs: number): TreadleError | null {
    const last = this.#last;
    if (last === null || this.#openUntilMs === -Infinity) return null;
    const retryInMs = Math.ceil(this.#openUntilMs - nowMs);
    if (retryInMs <= 0) {
      // This one is let through; the others wait for what becomes of it, but not for ever.
      this.#probing = true;
      this.#open(nowMs);
      return null;
    }
    const times = Math.max(this.#moduleFailures, this.#deaths);
    return new TreadleError(
      last.code,
      `Task ${task.id} (${task.type}) was not run: the last ${times} attempts of this type ended so. ` +
        `Tried again in ${retryInMs} ms. The last one: ${last.message}`,
      { taskId: task.id, cause: last, details: { retryInMs } },
    );
  }
}

/** It was stopped, or never got there: that says nothing of the type. */
function isUndecided(outcome: Outcome): boolean {
  return (
    outcome.kind === 'unsendable' || outcome.kind === 'stopped' || (outcome.kind === 'lost' && !countsAsDeath(outcome))
  );
}

function countsAsDeath({ claimed, loading, reason }: Outcome & { kind: 'lost' }): boolean {
  return (claimed || loading) && reason !== 'killed';
}
