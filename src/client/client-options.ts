import { type ClientClock, MAX_DELAY_MS, machineClock } from './client-clock.js';
import { TaskClientError, invalidArgument, onlyKeys } from './client-error.js';

/** How a {@link createTaskClient} finds its server, and how patient it is. */
export interface TaskClientOptions {
  /**
   * Where the server is: `http://127.0.0.1:3000`. `/api/v1` is added unless it has a path of its own. A page in a browser
   * may give a path alone.
   */
  url: string | URL;
  /** The caller's key, sent as `Authorization: Bearer <key>`. It is in no error. @default none */
  key?: string;
  /** Further headers of every request. */
  headers?: Readonly<Record<string, string>>;
  /** What makes the requests. @default the global `fetch` */
  fetch?: (input: string, init: RequestInit) => Promise<Response>;
  /** How long a call may take, and an event stream until it begins. Milliseconds > 0, or Infinity. @default 30_000 */
  timeoutMs?: number;
  /** How event streams come back after their connection broke: exponential backoff with full jitter. */
  reconnect?: {
    /** The longest delay before another try. Milliseconds > 0. @default 30_000 */
    maxDelayMs?: number;
    /** After so many tries in a row without any event a stream ends with the error. Integer >= 0, or Infinity. @default 20: some four minutes */
    maxAttempts?: number;
    /** A stream that says nothing for so long counts as broken. Milliseconds > 0. @default 45_000: three heartbeats of the server */
    silenceMs?: number;
    /** Told before each delay. It must not throw. */
    onRetry?: (retry: StreamRetry) => void;
  };
  /** Where the time comes from. @default the machine's clock */
  clock?: ClientClock;
  /** Numbers from 0 to below 1, for the delays. @default Math.random */
  random?: () => number;
}

/** A stream whose connection broke is going to be connected again. */
export interface StreamRetry {
  /** Why it broke. */
  readonly error: TaskClientError;
  /** 1 for the first try since there was an event. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** Options with every default filled in. */
export interface ResolvedClientOptions {
  /** Without a slash at its end. */
  readonly base: string;
  readonly headers: Headers;
  /** What must be in no message. */
  readonly secrets: readonly string[];
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly timeoutMs: number;
  readonly maxDelayMs: number;
  readonly maxAttempts: number;
  readonly silenceMs: number;
  readonly onRetry: (retry: StreamRetry) => void;
  readonly clock: ClientClock;
  readonly random: () => number;
}

const KEYS = [
  'url',
  'key',
  'headers',
  'fetch',
  'timeoutMs',
  'reconnect',
  'clock',
  'random',
] as const satisfies readonly (keyof TaskClientOptions)[];

/** Checks the options and fills in the defaults. @throws TaskClientError INVALID_ARGUMENT */
export function resolveClientOptions(options: TaskClientOptions): ResolvedClientOptions {
  onlyKeys('options', options, KEYS);
  const { key, headers = {}, reconnect = {} } = options;
  onlyKeys('reconnect', reconnect, ['maxDelayMs', 'maxAttempts', 'silenceMs', 'onRetry']);
  if (key !== undefined && (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key))) {
    throw new TaskClientError('INVALID_ARGUMENT', 'Expected `key` to be printable ASCII characters without spaces');
  }
  const maxAttempts = reconnect.maxAttempts ?? 20;
  if (maxAttempts !== Infinity && !(Number.isSafeInteger(maxAttempts) && maxAttempts >= 0)) {
    throw invalidArgument('reconnect.maxAttempts', 'an integer >= 0, or Infinity', maxAttempts);
  }
  return {
    base: baseOf(options.url),
    headers: checkHeaders(headers, key),
    secrets: [...(key === undefined ? [] : [key]), ...Object.values(headers).filter(({ length }) => length >= 8)],
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    timeoutMs: checkDuration('timeoutMs', options.timeoutMs, 30_000),
    maxDelayMs: checkDuration('reconnect.maxDelayMs', reconnect.maxDelayMs, 30_000),
    maxAttempts,
    silenceMs: checkDuration('reconnect.silenceMs', reconnect.silenceMs, 45_000),
    onRetry: reconnect.onRetry ?? (() => {}),
    clock: options.clock ?? machineClock,
    random: options.random ?? Math.random,
  };
}

/** Milliseconds > 0; Infinity is none. @throws TaskClientError INVALID_ARGUMENT */
export function checkDuration(name: string, ms: number | undefined, fallback: number): number {
  const given = ms ?? fallback;
  if (given === Infinity || (given > 0 && given <= MAX_DELAY_MS)) return given;
  throw invalidArgument(name, `milliseconds > 0 and <= ${MAX_DELAY_MS}, or Infinity`, given);
}

// `localhost:3000` is an address too, of the scheme `localhost:`.
const SUCH_AS = 'such as http://127.0.0.1:3000';

function baseOf(url: unknown): string {
  // Pages have a location of their own that a path alone is of; Node has none.
  const { location } = globalThis as { location?: { href: string } };
  let parsed: URL;
  try {
    parsed = new URL(String(url), location?.href);
  } catch {
    throw invalidArgument('url', `the address of a server, ${SUCH_AS}`, url);
  }
  const { protocol, username, password, search, hash, origin, pathname } = parsed;
  const isPlain = /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '';
  // The address is not told: it may have a password.
  if (!isPlain) throw invalidArgument('url', `an http or https address without user, query and hash, ${SUCH_AS}`, url);
  return `${origin}${pathname === '/' ? '/api/v1' : pathname.replace(/\/+$/, '')}`;
}

function checkHeaders(given: Readonly<Record<string, string>>, key: string | undefined): Headers {
  let headers: Headers;
  try {
    headers = new Headers(given);
  } catch {
    // What was thrown quotes the value.
    throw new TaskClientError('INVALID_ARGUMENT', 'Expected `headers` to have names and values that HTTP allows');
  }
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
  return headers;
}
