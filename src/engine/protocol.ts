import type { MessagePort } from 'node:worker_threads';
import { inspect } from 'node:util';
import { exceedsBytes } from './cloneable.js';
import { isPermanent } from './define-task.js';
import type { TaskMessage } from './task-record.js';

/** What a worker thread is started with. */
export interface WorkerBoot {
  /** The control block of the lane. */
  readonly control: SharedArrayBuffer;
  /** The task types, in the order that {@link ChunkMessage.type} counts. */
  readonly types: readonly WorkerType[];
  /** Megabytes of used heap after which an answer says `overHeap`; Infinity for no limit. */
  readonly heapMb: number;
  /** How much lower than its host's the priority of the thread is. */
  readonly nice: number;
}

/** A task type as threads know it. */
export interface WorkerType {
  readonly name: string;
  readonly url: string;
  readonly data: unknown;
  /** `each` goes on with the next item after one that failed. */
  readonly skipsItems: boolean;
}

/** The steps in which a task meets a thread; a one-piece task has only `run`. `load` belongs to no task: it warms a thread. */
export type Phase = 'load' | 'plan' | 'run' | 'finish' | 'cleanup';

/** Host to thread: a chunk of one task, or a pack of several tasks that are one piece of work each. */
export interface ChunkMessage {
  readonly epoch: number;
  readonly type: number;
  readonly phase: Phase;
  /** Tell the shape of the module: the host has not seen it yet. */
  readonly describe: boolean;
  /** A chunk of `each` ends after so many milliseconds, done or not. */
  readonly boxMs: number;
  readonly attempt: number;
  /** The members: the tasks whose work it is. Each has a claim in the control block, by its index here. */
  readonly taskIds: readonly string[];
  /** Their inputs. */
  readonly inputs: readonly unknown[];
  /** The input of a lone task, where it is large: serialised once, and decoded once per thread. */
  shared?: SharedArrayBuffer;
  /** Absent where the task has no items, or none yet. */
  slice?: SliceMessage;
}

/** The items that a chunk is about. */
export interface SliceMessage {
  /** Items `from` to `to` of the task. Both 0 for `finish`. */
  readonly from: number;
  readonly to: number;
  /** The items; absent where they are the numbers from `from` to `to` themselves, shifted by `offset`. */
  readonly items?: readonly unknown[] | undefined;
  /** The number that item 0 stands for, where the items are a range. */
  readonly offset?: number | undefined;
  /** For `finish`: what the chunks returned. */
  readonly parts?: readonly unknown[] | undefined;
}

/** An input on the host: as it is, or serialised into shared bytes. */
export type PackedInput = { readonly value: unknown } | { readonly shared: SharedArrayBuffer };

/** What the host must know of a module it never loads. */
export interface ModuleShape {
  readonly kind: 'task' | 'batch';
  readonly plan: boolean;
  readonly each: boolean;
  readonly finish: boolean;
  readonly cleanup: boolean;
}

/** What became of one member. */
export type MemberOutcome =
  | {
      readonly kind: 'returned';
      readonly value: unknown;
      /** How many items it came past. */
      readonly done: number;
      /** Those of them that failed, in order; `value` has nothing of use at their places. */
      readonly failed?: readonly ItemFailure[] | undefined;
    }
  | { readonly kind: 'planned'; readonly items: readonly unknown[] | { readonly from: number; readonly to: number } }
  | {
      readonly kind: 'threw';
      readonly error: ThrownMessage;
      readonly code: ThrownCode;
      /** The index of the item that it threw at, where that is known. */
      readonly item: number | null;
      /** What `each` had done before it, and the values of that. */
      readonly done: number;
      readonly value?: unknown;
    }
  /** It ended early because it was told to, or was never begun. */
  | { readonly kind: 'stopped'; readonly begun: boolean };

/** An item that failed while the others of its chunk went on. */
export interface ItemFailure {
  readonly index: number;
  readonly error: ThrownMessage;
}

/** Why a member counts as failed, as far as the thread can tell. */
export type ThrownCode = 'TASK_FAILED' | 'TASK_MODULE_FAILED' | 'UNSERIALIZABLE' | 'INVALID_ARGUMENT';

/** Thread to host: what has become of members of a flight, what one has to tell, or that the thread has left it. */
export interface FlightMessage {
  readonly epoch: number;
  /** The index of the member that this is about; of the first one, where it is about several. */
  readonly member?: number | undefined;
  /** What became of it. */
  readonly outcome?: MemberOutcome | undefined;
  /** What it and those after it returned: the short form for work in one piece. */
  readonly values?: readonly unknown[] | undefined;
  /** When each of those began, by `threadTimeMs()`. */
  readonly begunAtMs?: readonly number[] | undefined;
  readonly notes?: Notes | undefined;
  /** The last message of a flight. A member that nothing was told of has been taken back by the host. */
  readonly left?: FlightEnd | undefined;
}

/** How a thread left a flight. */
export interface FlightEnd {
  /** Milliseconds of work, without loading the module and `ctx.perThread`. */
  readonly ms: number;
  readonly shape?: ModuleShape | undefined;
  /** The thread uses more heap than it may. */
  readonly overHeap?: boolean | undefined;
}

/** How many messages a note carries, and a record keeps. It stands here, so that threads need not load records. */
export const MAX_MESSAGES = 50;

/** What a task said through `ctx.stage` and `ctx.log` since the last note. */
export interface Notes {
  readonly stage?: string | undefined;
  readonly messages: readonly TaskMessage[];
  /** How many messages came too fast and were left out. */
  readonly dropped: number;
}

/** Thread to host, once, by way of its parent port: the thread is up, and all else but strays goes over this port. */
export interface HelloMessage {
  readonly hello: MessagePort;
}

/** Thread to host, once: what `ctx.perThread` made is disposed of. */
export interface RetiredMessage {
  readonly retired: true;
}

/**
 * Thread to host, once, by way of its parent port: what code threw that a task had left behind. The thread goes on, and
 * is to be replaced.
 */
export interface StrayMessage {
  readonly stray: {
    /** The number of the task type; null where that is not known. */
    readonly type: number | null;
    /** Null where it was no task: a module, what `ctx.perThread` set up, or not known. */
    readonly taskId: string | null;
    readonly error: ThrownMessage;
  };
}

/** All that comes over the thread's port. */
export type ThreadMessage = FlightMessage | RetiredMessage;

/** All that goes to a thread over its port. */
export type HostMessage = ChunkMessage | WakeMessage;

/** Host to thread: wake a member that was cancelled, drop a decoded input, make ready to end. */
export type WakeMessage =
  | { readonly cancel: number; readonly member: number }
  | { readonly forget: string }
  | { readonly retire: true };

/** A thrown value in plain data. */
export interface ThrownMessage {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number | undefined;
  readonly stack?: string | undefined;
  readonly cause?: ThrownMessage | undefined;
  readonly errors?: readonly ThrownMessage[] | undefined;
  /** Own fields of the error that can be cloned. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /** True where something else than an error was thrown. */
  readonly notAnError?: boolean | undefined;
  /** True where it was marked by `permanent()`. */
  readonly permanent?: boolean | undefined;
}

// Of one thrown value: causes, and the errors of an AggregateError.
const MAX_ERRORS = 16;
const MAX_FIELD_BYTES = 16 * 1024;
const MAX_LIGHT_TEXT = 200;

/** Turns whatever was thrown into plain data; never throws itself. */
export function serializeThrown(thrown: unknown): ThrownMessage {
  try {
    return serialize(thrown, { errors: MAX_ERRORS });
  } catch {
    return { name: 'Error', message: 'An error that can not be read', notAnError: true };
  }
}

/** The same without stack, cause and fields: for the many of which only a few are looked at. */
export function serializeLightly(thrown: unknown): ThrownMessage {
  const { name, message, code, permanent, notAnError } = serializeThrown(thrown);
  return { name, message: message.slice(0, MAX_LIGHT_TEXT), code, permanent, notAnError };
}

/** `left` bounds how many errors there are in all: causes may go round in circles. */
function serialize(thrown: unknown, left: { errors: number }): ThrownMessage {
  left.errors--;
  const permanent = isPermanent(thrown) || undefined;
  if (!isErrorLike(thrown)) return { name: 'Error', message: safeInspect(thrown), notAnError: true, permanent };
  const code = read(thrown, 'code');
  const cause = read(thrown, 'cause');
  const errors = read(thrown, 'errors');
  return {
    name: asString(read(thrown, 'name')) ?? 'Error',
    message: asString(read(thrown, 'message')) ?? 'An error whose message can not be read',
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    stack: asString(read(thrown, 'stack')),
    cause: cause !== undefined && left.errors > 0 ? serialize(cause, left) : undefined,
    errors: isArray(errors)
      ? errors.slice(0, left.errors).flatMap((error) => (left.errors > 0 ? [serialize(error, left)] : []))
      : undefined,
    fields: ownFields(thrown),
    permanent,
  };
}

function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A property of an error, which may be a getter that throws. */
function read(error: Error, property: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[property];
  } catch {
    return undefined;
  }
}

const BUILT_IN = { TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError } as const;

/** The error again, with its name, code, fields, stack and cause. */
export function reviveThrown(message: ThrownMessage): Error {
  const make = Object.hasOwn(BUILT_IN, message.name) ? BUILT_IN[message.name as keyof typeof BUILT_IN] : Error;
  const cause = message.cause === undefined ? undefined : { cause: reviveThrown(message.cause) };
  const error =
    message.errors === undefined
      ? new make(message.message, cause)
      : new AggregateError(message.errors.map(reviveThrown), message.message, cause);
  if (error.name !== message.name) define(error, 'name', message.name);
  if (message.stack !== undefined) define(error, 'stack', message.stack);
  for (const [key, value] of Object.entries(message.fields ?? {})) define(error, key, value, true);
  if (message.code !== undefined) define(error, 'code', message.code, true);
  return error;
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, configurable: true, writable: true });
}

function isErrorLike(value: unknown): value is Error {
  try {
    return (
      value instanceof Error ||
      (typeof value === 'object' && value !== null && 'message' in value && 'name' in value && 'stack' in value)
    );
  } catch {
    return false;
  }
}

function ownFields(error: Error): Record<string, unknown> | undefined {
  const fields: Record<string, unknown> = {};
  let any = false;
  for (const key of Object.keys(error)) {
    if (['name', 'message', 'stack', 'cause', 'errors', 'code'].includes(key)) continue;
    try {
      const value: unknown = structuredClone(read(error, key));
      if (exceedsBytes(value, MAX_FIELD_BYTES)) continue;
      fields[key] = value;
      any = true;
    } catch {
      // What can't cross is left out; the error itself still arrives.
    }
  }
  return any ? fields : undefined;
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function safeInspect(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return inspect(value, { depth: 2, maxStringLength: 1_000, maxArrayLength: 20 });
  } catch {
    return 'a value that can not be shown';
  }
}
