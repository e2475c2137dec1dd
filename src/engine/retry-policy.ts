import { type TreadleError, invalidArgument, onlyKeys } from './errors.js';
import { duration } from './options.js';

/** Exponential backoff with full jitter. */
export interface BackoffOptions {
  /** The bound of the first wait; each later one is twice that of the one before. Milliseconds. @default 100 */
  baseMs?: number;
  /** No wait is longer. Milliseconds. @default 20_000 */
  maxMs?: number;
}

/**
 * How long to wait before the next attempt, in milliseconds: by options, or by a function of the number of the attempt
 * that failed (1 for the first) and its error. `Infinity` of a function means: not again.
 */
export type Backoff = BackoffOptions | ((attempt: number, error: TreadleError) => number);

/** Milliseconds until the next attempt. @throws what a function of the user's throws, or INVALID_ARGUMENT for what it returned. */
export type RetryDelay = (attempt: number, error: TreadleError, random: () => number) => number;

const DEFAULT_BASE_MS = 100;
const DEFAULT_MAX_MS = 20_000;

/** What applies where nothing else was said, and where a function of the user's fails. */
const DEFAULT_DELAY: RetryDelay = fullJitter(DEFAULT_BASE_MS, DEFAULT_MAX_MS);

/** @throws TreadleError INVALID_ARGUMENT */
export function resolveBackoff(name: string, backoff: Backoff | undefined): RetryDelay {
  if (backoff === undefined) return DEFAULT_DELAY;
  if (typeof backoff === 'function') {
    return (attempt, error) => {
      const ms: unknown = backoff(attempt, error);
      if (typeof ms !== 'number' || !(ms >= 0)) throw invalidArgument(`${name}()`, 'milliseconds >= 0', ms);
      return ms;
    };
  }
  onlyKeys(name, backoff, ['baseMs', 'maxMs']);
  const baseMs = finite(`${name}.baseMs`, duration(`${name}.baseMs`, backoff.baseMs, DEFAULT_BASE_MS));
  return fullJitter(baseMs, finite(`${name}.maxMs`, duration(`${name}.maxMs`, backoff.maxMs, DEFAULT_MAX_MS)));
}

/**
 * Anything from 0 to the bound, so that many that failed together do not come back together.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
function fullJitter(baseMs: number, maxMs: number): RetryDelay {
  return (attempt, _, random) => random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}

/** A wait without an end would be a task that never settles. */
function finite(name: string, ms: number): number {
  if (ms !== Infinity) return ms;
  throw invalidArgument(name, 'milliseconds >= 0, not infinite', ms);
}

const PERMANENT_CODES = new Set(['TASK_MODULE_FAILED', 'UNSERIALIZABLE', 'INVALID_ARGUMENT', 'TASK_EXPIRED']);

/** False where another attempt would fail alike: the task said so with `permanent()`, or the kind of the error does. */
function isRetriable(error: TreadleError): boolean {
  return !PERMANENT_CODES.has(error.code) && error.details?.permanent !== true;
}

/** Decides for one task whether what failed is tried again, and when. */
export class Retries {
  readonly #max: number;
  readonly #delay: RetryDelay;
  readonly #random: () => number;
  readonly #onError: (error: unknown) => void;

  /** `onError` hears what a function of the user's throws; the default wait then applies. */
  constructor(
    policy: { readonly retries: number; readonly retryDelay: RetryDelay },
    random: () => number,
    onError: (error: unknown) => void,
  ) {
    this.#max = policy.retries;
    this.#delay = policy.retryDelay;
    this.#random = random;
    this.#onError = onError;
  }

  /** Whether the policy allows another attempt of what has failed so often before. */
  left(failures: number): boolean {
    return failures < this.#max;
  }

  /**
   * How long to wait, in milliseconds, before what has failed `failures` times before, and now with `error`, is tried
   * again; null for never. The first `free` times it is tried at once, whatever the policy.
   */
  delayMs(failures: number, error: TreadleError, free = 0): number | null {
    if (!isRetriable(error) || failures >= Math.max(this.#max, free)) return null;
    if (failures < free) return 0;
    let ms: number;
    try {
      ms = this.#delay(failures + 1, error, this.#share);
    } catch (thrown) {
      this.#onError(thrown);
      ms = DEFAULT_DELAY(failures + 1, error, this.#share);
    }
    return ms === Infinity ? null : ms;
  }

  /** A random share of a wait; half of it where the user's source of randomness fails. */
  readonly #share = (): number => {
    try {
      const share = this.#random();
      if (share >= 0 && share <= 1) return share;
      throw invalidArgument('random()', 'a number from 0 to 1', share);
    } catch (thrown) {
      this.#onError(thrown);
      return 0.5;
    }
  };
}
