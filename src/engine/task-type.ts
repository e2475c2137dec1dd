import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type ChunkOptions, ChunkSizer, type ResolvedChunkOptions, resolveChunkOptions } from './chunk.js';
import { whereUnclonable } from './cloneable.js';
import { TreadleError, invalidArgument, onlyKeys } from './errors.js';
import { Breaker } from './breaker.js';
import { duration, integer } from './options.js';
import type { ModuleShape } from './protocol.js';
import type { SettledHook } from './hooks.js';
import { type Backoff, Retries, type RetryDelay, resolveBackoff } from './retry-policy.js';

type TypesOf<Definition> = Definition extends { readonly types?: infer Types } ? NonNullable<Types> : never;

export type InputOf<Definition> = TypesOf<Definition> extends { input: infer Input } ? Input : unknown;
export type ItemOf<Definition> = TypesOf<Definition> extends { item: infer Item } ? Item : unknown;
export type ResultOf<Definition> = TypesOf<Definition> extends { result: infer Result } ? Result : unknown;
export type DataOf<Definition> = TypesOf<Definition> extends { data: infer Data } ? Data : unknown;
/** Whether items are given by the submitter: `'none'`, `'optional'` or `'required'`. */
export type ItemsOf<Definition> = TypesOf<Definition> extends { items: infer Items } ? Items : unknown;

/** Where a task module is, with the type of its default export. */
export interface TaskModule<Definition> {
  readonly location: URL | string;
  /** Carries the type; never present at run time. */
  readonly definition?: Definition;
}

/**
 * Names the module that threads load: a URL, a file URL string or an absolute path.
 *
 * @example taskModule<typeof digest>(new URL('./digest.task.js', import.meta.url))
 * @throws TreadleError INVALID_ARGUMENT for a relative path or another kind of URL.
 */
export function taskModule<Definition>(location: URL | string): TaskModule<Definition> {
  moduleUrl(location);
  return { location };
}

/** What to do with a submission while an unsettled task of the same owner, type and `resourceId` exists. */
export type OnDuplicate = 'reject' | 'join' | 'allow';

/** How tasks of a type may run. Only the host reads it. */
export interface TaskPolicy<Data = unknown> {
  /** Sent to each thread once, and given to the task as `ctx.data`: a path, a model name. Must be cloneable. */
  data?: Data;
  /** How long one attempt may take, from its start. Milliseconds. A submission may say otherwise. @default no limit */
  timeoutMs?: number;
  /**
   * How long a task may wait for its start; then it fails with `TASK_EXPIRED`. Milliseconds. A submission may say
   * otherwise. @default no limit
   */
  expiresInMs?: number;
  /**
   * How long a chunk may show no sign of life (an item done; `ctx.progress`, `stage`, `log`, `throwIfCancelled`); then
   * the task is stopped as by `timeoutMs`. Looked at every `reconcileEveryMs`. Milliseconds. @default no limit
   */
  heartbeatTimeoutMs?: number;
  /**
   * How often work that failed is run again. In a batch it is a budget for each chunk, and each chunk of items whose
   * thread died is run again once whatever the budget. @default 0
   */
  retries?: number;
  /** How long to wait before each retry. @default exponential with full jitter, from 100 ms, at most 20 s */
  backoff?: Backoff;
  /**
   * What becomes of a batch when an item fails for good: `'skip'` leaves it out (its result is `undefined`, `finish`
   * does not see it) and notes it in the record's `failedItems`. With `run`, the item is found by halving. @default 'fail'
   */
  onItemError?: 'fail' | 'skip';
  /**
   * `'failed'` keeps what a task that failed, or skipped items, worked on, so that `rerun` can run it again; in all
   * tasks together within `history.inputBytes`. @default 'never'
   */
  keepInput?: 'never' | 'failed';
  /**
   * How many threads may work on one task at once. Integer >= 1. The threads that a type with this set has used are left to
   * it by other types while others are free, so that what it keeps warm is made on few. @default all
   */
  parallelism?: number;
  /** How many tasks of this type may be in progress at once. Integer >= 1. @default all */
  concurrency?: number;
  /** How items are cut, and how many tasks share a pack. @default chunks of about 25 ms */
  chunk?: ChunkOptions;
  /**
   * True lets many tasks of this type, each one piece of work (`defineTask`), share one message to a thread: for tasks of
   * microseconds, which then cost a fraction. A task may run twice, when a thread dies or one among them takes long: it
   * must be safe to run again. @default false
   */
  pack?: boolean;
  /** False where the module's `plan` makes all items: a submission with items is then refused. @default true */
  items?: boolean;
  /** How long a task of this type may go on after it was told to stop. Milliseconds. @default the manager's */
  cancelGraceMs?: number;
  /** False for work that must not be ended by force (native code that aborts the process): it is only asked to stop. @default true */
  killable?: boolean;
  /**
   * True for code that others must be safe from, and that must be safe from others: each task runs on threads on which no
   * other task has run, and nobody gets them after it. A new thread takes some 40 ms. @default false
   */
  isolate?: boolean;
  /** What to do with a duplicate. Only tasks with a `resourceId` can be duplicates. @default 'reject' */
  onDuplicate?: OnDuplicate;
  /** Called once for each task of this type when it has settled. */
  onSettled?: SettledHook;
}

/** A task type: a module, and the policy it runs under. */
export interface TaskType<Definition = unknown, SubmittedInput = unknown> {
  readonly module: TaskModule<Definition>;
  readonly policy: TaskPolicy & { readonly input?: StandardSchemaV1 };
  /** Carries the type; never present at run time. */
  readonly submitted?: SubmittedInput;
}

/**
 * Puts a module under a policy. With `input`, any Standard Schema, what is submitted is checked and converted first.
 *
 * @throws TreadleError INVALID_ARGUMENT for an unknown key or a value out of range.
 */
export function taskType<Definition, Schema extends StandardSchemaV1<unknown, InputOf<Definition>>>(
  module: TaskModule<Definition>,
  policy: TaskPolicy<DataOf<Definition>> & { input: Schema },
): TaskType<Definition, StandardSchemaV1.InferInput<Schema>>;
export function taskType<Definition>(
  module: TaskModule<Definition>,
  policy?: TaskPolicy<DataOf<Definition>>,
): TaskType<Definition, InputOf<Definition>>;
export function taskType(
  module: TaskModule<unknown>,
  policy: TaskPolicy & { input?: StandardSchemaV1 } = {},
): TaskType {
  if (!isModule(module)) throw invalidArgument('module', 'made by taskModule()', module);
  resolvePolicy('a task type', policy, 0);
  return { module, policy };
}

/** A task type as the engine uses it. */
export interface ResolvedTaskType {
  readonly name: string;
  readonly index: number;
  readonly url: string;
  readonly policy: ResolvedPolicy;
  /** Known once a thread has loaded the module. */
  shape: ModuleShape | null;
  readonly breaker: Breaker;
  readonly retries: Retries;
  /** How many of its tasks share a chunk. */
  readonly packSize: ChunkSizer;
}

export interface ResolvedPolicy {
  readonly schema: StandardSchemaV1 | null;
  readonly data: unknown;
  readonly timeoutMs: number;
  readonly expiresInMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly retries: number;
  readonly retryDelay: RetryDelay;
  readonly skipsItems: boolean;
  readonly keepsInput: boolean;
  readonly parallelism: number;
  readonly concurrency: number;
  readonly chunk: ResolvedChunkOptions;
  readonly pack: boolean;
  readonly takesItems: boolean;
  readonly cancelGraceMs: number;
  readonly killable: boolean;
  readonly isolate: boolean;
  readonly onDuplicate: OnDuplicate;
  readonly onSettled: SettledHook | null;
}

const POLICY_KEYS = [
  'input',
  'data',
  'timeoutMs',
  'expiresInMs',
  'heartbeatTimeoutMs',
  'retries',
  'backoff',
  'onItemError',
  'keepInput',
  'parallelism',
  'concurrency',
  'chunk',
  'pack',
  'items',
  'cancelGraceMs',
  'killable',
  'isolate',
  'onDuplicate',
  'onSettled',
] as const satisfies readonly (keyof TaskPolicy | 'input')[];

/** What task types take from their manager. */
export interface TypeDefaults {
  readonly cancelGraceMs: number;
  readonly random: () => number;
  /** A function of the user's failed. */
  readonly onError: (error: unknown) => void;
}

/** @throws TreadleError INVALID_ARGUMENT, TASK_MODULE_FAILED when the module's file is not there. */
export function resolveTaskTypes(types: unknown, { cancelGraceMs, random, onError }: TypeDefaults): ResolvedTaskType[] {
  if (typeof types !== 'object' || types === null || Object.keys(types).length === 0) {
    throw invalidArgument('types', 'an object with at least one task type', types);
  }
  return Object.entries(types).map(([name, type]: [string, unknown], index) => {
    const given = type as Partial<TaskType> | null;
    if (typeof given !== 'object' || given === null || !isModule(given.module) || given.policy === undefined) {
      throw invalidArgument(`types.${name}`, 'made by taskType()', type);
    }
    const policy = resolvePolicy(`types.${name}`, given.policy, cancelGraceMs);
    return {
      name,
      index,
      url: existingModule(name, given.module.location),
      policy,
      shape: null,
      breaker: new Breaker(),
      retries: new Retries(policy, random, onError),
      packSize: new ChunkSizer(policy.chunk),
    };
  });
}

function resolvePolicy(
  name: string,
  policy: TaskPolicy & { input?: StandardSchemaV1 },
  graceMs: number,
): ResolvedPolicy {
  onlyKeys(name, policy, POLICY_KEYS);
  const {
    input,
    data,
    items = true,
    killable = true,
    isolate = false,
    pack = false,
    onDuplicate = 'reject',
    onSettled,
  } = policy;
  const { onItemError = 'fail', keepInput = 'never' } = policy;
  if (input !== undefined && !isSchema(input)) {
    throw invalidArgument(`${name}.input`, 'a Standard Schema', input);
  }
  if (typeof items !== 'boolean') throw invalidArgument(`${name}.items`, 'true or false', items);
  if (typeof killable !== 'boolean') throw invalidArgument(`${name}.killable`, 'true or false', killable);
  if (typeof isolate !== 'boolean') throw invalidArgument(`${name}.isolate`, 'true or false', isolate);
  if (typeof pack !== 'boolean') throw invalidArgument(`${name}.pack`, 'true or false', pack);
  if (pack && isolate) throw invalidArgument(`${name}.pack`, 'false where `isolate` is true', pack);
  if (onSettled !== undefined && typeof onSettled !== 'function') {
    throw invalidArgument(`${name}.onSettled`, 'a function', onSettled);
  }
  let ownData: unknown;
  try {
    // A copy: every thread gets the same, whenever it starts.
    ownData = structuredClone(data);
  } catch (error) {
    throw new TreadleError('UNSERIALIZABLE', `Expected \`${name}.data\` to be cloneable${whereUnclonable(data)}`, {
      cause: error,
    });
  }
  return {
    schema: input ?? null,
    data: ownData,
    timeoutMs: duration(`${name}.timeoutMs`, policy.timeoutMs, Infinity),
    expiresInMs: duration(`${name}.expiresInMs`, policy.expiresInMs, Infinity),
    heartbeatTimeoutMs: duration(`${name}.heartbeatTimeoutMs`, policy.heartbeatTimeoutMs, Infinity),
    retries: integer(`${name}.retries`, policy.retries, 0, 0),
    retryDelay: resolveBackoff(`${name}.backoff`, policy.backoff),
    skipsItems: oneOf(`${name}.onItemError`, onItemError, ['fail', 'skip']) === 'skip',
    keepsInput: oneOf(`${name}.keepInput`, keepInput, ['never', 'failed']) === 'failed',
    parallelism: integer(`${name}.parallelism`, policy.parallelism, 1, Infinity),
    concurrency: integer(`${name}.concurrency`, policy.concurrency, 1, Infinity),
    chunk: resolveChunkOptions(policy.chunk),
    pack,
    takesItems: items,
    cancelGraceMs: duration(`${name}.cancelGraceMs`, policy.cancelGraceMs, graceMs),
    killable,
    isolate,
    onDuplicate: checkOnDuplicate(`${name}.onDuplicate`, onDuplicate),
    onSettled: onSettled ?? null,
  };
}

/** @throws TreadleError INVALID_ARGUMENT */
export function checkOnDuplicate(name: string, value: unknown): OnDuplicate {
  return oneOf(name, value, ['reject', 'join', 'allow']);
}

function oneOf<Choice extends string>(name: string, value: unknown, choices: readonly Choice[]): Choice {
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  const quoted = choices.map((known) => `'${known}'`);
  throw invalidArgument(name, `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`, value);
}

function isModule(module: unknown): module is TaskModule<unknown> {
  return typeof module === 'object' && module !== null && 'location' in module;
}

function isSchema(schema: unknown): schema is StandardSchemaV1 {
  // A schema may be a function too.
  if (schema === null || (typeof schema !== 'object' && typeof schema !== 'function')) return false;
  return typeof (schema as Partial<StandardSchemaV1>)['~standard']?.validate === 'function';
}

function moduleUrl(location: unknown): URL {
  if (typeof location === 'string' && isAbsolute(location)) return pathToFileURL(location);
  try {
    const url = location instanceof URL || typeof location === 'string' ? new URL(location) : null;
    // Refuses other protocols, hosts, and names that are no path.
    if (url !== null && fileURLToPath(url) !== '') return url;
  } catch {
    // Said below.
  }
  throw invalidArgument(
    'taskModule',
    'given a file URL or an absolute path',
    location instanceof URL ? location.href : location,
  );
}

/** The file, or its twin: a build has the `.js` of what the sources call `.ts`, and a loader of the user's the other. */
function existingModule(name: string, location: URL | string): string {
  const url = moduleUrl(location);
  const twins = [url.href, url.href.replace(/\.([cm]?)js$/, '.$1ts'), url.href.replace(/\.([cm]?)ts$/, '.$1js')];
  const tried = [...new Set(twins)];
  const found = tried.find((href) => existsSync(fileURLToPath(href.replace(/[?#].*$/, ''))));
  if (found !== undefined) return found;
  throw new TreadleError(
    'TASK_MODULE_FAILED',
    `Expected the module of task type "${name}" to exist; tried ${tried.map((href) => fileURLToPath(href)).join(' and ')}`,
  );
}
