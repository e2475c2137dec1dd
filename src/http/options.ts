import type { Clock } from '../engine/clock.js';
import { TreadleError, describeValue, invalidArgument, onlyKeys } from '../engine/errors.js';
import { checkClock, duration, integer } from '../engine/options.js';
import type { ApiApp } from './api-context.js';
import type { Authenticate } from './caller.js';

/** Where the metrics come from: see `treadle/metrics`. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
  /** Given the event streams of an API that has these metrics. */
  addStreams?(streams: StreamCounts): void;
}

/** The event streams of an API, as they are whenever somebody looks. */
export interface StreamCounts {
  /** Streams that are open. */
  readonly open: number;
  /** Streams that ended because their reader was too slow. */
  readonly dropped: number;
  /** Bytes that are kept for readers that come back. */
  readonly keptBytes: number;
}

/** How a {@link createTaskApi} works. */
export interface TaskApiOptions<TypeName extends string = string> {
  /** The task types that may be submitted over HTTP. @default none */
  types?: readonly TypeName[];
  /** Who asks. Without it everybody counts as an operator, and only programs on this machine are served. */
  authenticate?: Authenticate;
  /** Serves everybody who can reach it, without `authenticate`: whatever is in front must keep others out. @default false */
  allowUnauthenticated?: boolean;
  /** What all paths begin with. @default '/api/v1' */
  basePath?: string;
  /** The largest body. Bytes. @default 1 MiB */
  maxBodyBytes?: number;
  /** How many requests an owner may make in a span of time; more are refused with 429. @default no limit */
  rateLimit?: {
    /** Integer >= 1. */
    requests: number;
    /** Milliseconds > 0, 24 days at the most. */
    perMs: number;
  };
  /** How many requests of an owner may be held open: event streams, and submissions that wait. Integer >= 1. @default 256 */
  maxHeldPerOwner?: number;
  events?: {
    /** How often a silent stream shows that it is alive. Milliseconds > 0. @default 15_000 */
    heartbeatMs?: number;
    /** How often a stream tells of the progress of a task at most. Milliseconds >= 0. @default 250 */
    progressEveryMs?: number;
    /** How much is kept for readers that come back: so many bytes of events. @default 16 MiB */
    replayBytes?: number;
    /** A reader that is behind by more is dropped, and may come back. Bytes. @default 1 MiB */
    maxBehindBytes?: number;
  };
  /** What `GET /metrics` answers with: `taskMetrics(manager)` of `treadle/metrics`. @default none */
  metrics?: MetricsSource;
  /**
   * Adds routes of your own, for the same callers and within the same limits. Their paths are whole ones, base path
   * included; `c.get('caller')` says who asks; what `app.openapi` adds is in the document. @default none
   */
  extend?: (app: ApiApp) => void;
  /** Told of what went wrong here, and was answered with 500. @default a process warning */
  onError?: (error: unknown) => void;
  /** Where the time comes from. @default the machine's clock */
  clock?: Clock;
}

/** Options with every default filled in. */
export interface ResolvedApiOptions {
  readonly types: ReadonlySet<string>;
  readonly authenticate: Authenticate | null;
  readonly allowUnauthenticated: boolean;
  readonly basePath: string;
  readonly maxBodyBytes: number;
  readonly rateLimit: { readonly requests: number; readonly perMs: number } | null;
  readonly maxHeldPerOwner: number;
  readonly events: {
    readonly heartbeatMs: number;
    readonly progressEveryMs: number;
    readonly replayBytes: number;
    readonly maxBehindBytes: number;
  };
  readonly metrics: MetricsSource | null;
  readonly extend: ((app: ApiApp) => void) | null;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
}

const KNOWN_OPTIONS = [
  'types',
  'authenticate',
  'allowUnauthenticated',
  'basePath',
  'maxBodyBytes',
  'rateLimit',
  'maxHeldPerOwner',
  'events',
  'metrics',
  'extend',
  'onError',
  'clock',
] as const satisfies readonly (keyof TaskApiOptions)[];

/**
 * Checks the options and fills in the defaults; nothing else reads raw options.
 * @throws TreadleError INVALID_ARGUMENT for an unknown key, a type that `knowsType` does not know, a value out of range.
 */
export function resolveApiOptions(options: TaskApiOptions, knownTypes: readonly string[]): ResolvedApiOptions {
  onlyKeys('options', options, KNOWN_OPTIONS);
  const { events = {}, authenticate, allowUnauthenticated = false, metrics, onError } = options;
  onlyKeys('events', events, ['heartbeatMs', 'progressEveryMs', 'replayBytes', 'maxBehindBytes']);
  for (const name of ['authenticate', 'extend', 'onError'] as const) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== 'function') throw invalidArgument(name, 'a function', given);
  }
  if (typeof allowUnauthenticated !== 'boolean') {
    throw invalidArgument('allowUnauthenticated', 'true or false', allowUnauthenticated);
  }
  if (allowUnauthenticated && authenticate !== undefined) {
    throw invalidArgument('allowUnauthenticated', 'left out where there is `authenticate`', allowUnauthenticated);
  }
  if (metrics !== undefined && typeof (metrics as Partial<MetricsSource> | null)?.text !== 'function') {
    throw invalidArgument('metrics', 'what `taskMetrics` returned', metrics);
  }
  return Object.freeze({
    types: checkTypes(options.types, knownTypes),
    authenticate: authenticate ?? null,
    allowUnauthenticated,
    basePath: checkBasePath(options.basePath),
    maxBodyBytes: integer('maxBodyBytes', options.maxBodyBytes, 1, 2 ** 20),
    rateLimit: checkRateLimit(options.rateLimit),
    maxHeldPerOwner: integer('maxHeldPerOwner', options.maxHeldPerOwner, 1, 256),
    events: Object.freeze({
      heartbeatMs: positive('events.heartbeatMs', events.heartbeatMs, 15_000),
      progressEveryMs: duration('events.progressEveryMs', events.progressEveryMs, 250),
      replayBytes: integer('events.replayBytes', events.replayBytes, 0, 16 * 2 ** 20),
      maxBehindBytes: integer('events.maxBehindBytes', events.maxBehindBytes, 1, 2 ** 20),
    }),
    metrics: metrics ?? null,
    extend: options.extend ?? null,
    onError: onError ?? warnOf,
    clock: checkClock(options.clock),
  });
}

function checkTypes(types: unknown, known: readonly string[]): ReadonlySet<string> {
  if (types === undefined) return new Set();
  if (!Array.isArray(types)) throw invalidArgument('types', 'an array of names of task types', types);
  for (const type of types as unknown[]) {
    if (typeof type === 'string' && known.includes(type)) continue;
    throw new TreadleError(
      'INVALID_ARGUMENT',
      `Expected \`types\` to have only task types of the manager (${known.join(', ')}), got ${describeValue(type)}`,
    );
  }
  return new Set(types as string[]);
}

function checkBasePath(path: unknown = '/api/v1'): string {
  if (typeof path === 'string' && /^(?:\/[\w.~-]+)+$/.test(path)) return path;
  throw invalidArgument('basePath', "a path such as '/api/v1'", path);
}

function checkRateLimit(limit: TaskApiOptions['rateLimit']): ResolvedApiOptions['rateLimit'] {
  if (limit === undefined) return null;
  onlyKeys('rateLimit', limit, ['requests', 'perMs']);
  return {
    requests: integer('rateLimit.requests', limit.requests, 1),
    perMs: timerMs('rateLimit.perMs', limit.perMs),
  };
}

function positive(name: string, value: unknown, fallback: number): number {
  const given = value ?? fallback;
  if (typeof given === 'number' && given > 0 && given < Infinity) return given;
  throw invalidArgument(name, 'milliseconds > 0', value);
}

/** What a timer can wait: with more, the library that counts would forget at once what it has counted. */
const MAX_TIMER_MS = 24 * 24 * 3_600_000;

function timerMs(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= MAX_TIMER_MS) return value;
  throw invalidArgument(name, `milliseconds > 0 and <= ${MAX_TIMER_MS}`, value);
}

function warnOf(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning('A request to the task API failed', { code: 'TREADLE_HTTP_ERROR', detail: text });
}
