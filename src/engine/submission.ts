import type { StandardSchemaV1 } from '@standard-schema/spec';
import { inspectCloneable } from './cloneable.js';
import { TreadleError, invalidArgument, onlyKeys } from './errors.js';
import { type Items, checkItems } from './item-source.js';
import { MAX_KEY_LENGTH, MAX_META_BYTES, duration } from './options.js';
import type { SettledHook } from './hooks.js';
import { boundText, checkPriority } from './task-record.js';
import {
  type ItemOf,
  type ItemsOf,
  type OnDuplicate,
  type ResolvedTaskType,
  type ResultOf,
  type TaskType,
  checkOnDuplicate,
} from './task-type.js';

/** What every submission can say besides its input and items. */
export interface SubmitPolicy {
  /** What the task works on. While one of the same owner, type and resource is unsettled, another is a duplicate. At most 256 characters. */
  resourceId?: string;
  /** What belongs together: see `takeResults`. At most 256 characters. */
  group?: string;
  /** The tenant who may see it, and whose share of slots and threads it uses. At most 256 characters. */
  owner?: string;
  /**
   * -5 (last) to 5 (first). Waiting tasks of an owner go in this order; each step doubles a running task's share of its
   * owner's threads. @default 0
   */
  priority?: number;
  /** Anything in JSON to find in the record again, at most 4 KiB. */
  meta?: unknown;
  /** How long one attempt may take, from its start. Milliseconds. Where a duplicate joins, the first one's counts. @default the type's */
  timeoutMs?: number;
  /** How long it may wait for its start; then it fails with `TASK_EXPIRED`. Milliseconds. Of a duplicate as above. @default the type's */
  expiresInMs?: number;
  /** What to do with a duplicate. @default the type's, which is 'reject' */
  onDuplicate?: OnDuplicate;
  /** Called once when the task has settled. */
  onSettled?: SettledHook;
}

/** Required where the function of a task needs it. */
export type InputField<Input> = undefined extends Input ? { input?: Input } : { input: Input };

type ItemsField<Definition> =
  ItemsOf<Definition> extends 'none'
    ? { items?: never }
    : ItemsOf<Definition> extends 'required'
      ? { items: Items<ItemOf<Definition>> }
      : { items?: Items<ItemOf<Definition>> };

/** What `submit` takes for a task type: its input, its items, and what every submission can say. */
export type SubmitOptions<Type> =
  Type extends TaskType<infer Definition, infer Input>
    ? InputField<Input> & ItemsField<Definition> & SubmitPolicy
    : never;

/** The options of `submit` as arguments: they can be left out where nothing is required. */
export type SubmitArguments<Type> =
  Partial<SubmitOptions<Type>> extends SubmitOptions<Type>
    ? [options?: SubmitOptions<Type>]
    : [options: SubmitOptions<Type>];

/** What a task of a type returns. */
export type TaskResult<Type> = Type extends TaskType<infer Definition, infer _Input> ? ResultOf<Definition> : never;

/** A submission that was checked. */
export interface Submission {
  readonly input: unknown;
  readonly items: Items<unknown> | null;
  readonly resourceId: string | null;
  readonly group: string | null;
  readonly owner: string | null;
  readonly priority: number;
  readonly meta: unknown;
  readonly timeoutMs: number;
  readonly expiresInMs: number;
  readonly onDuplicate: OnDuplicate;
  readonly onSettled: SettledHook | null;
}

const KEYS = [
  'input',
  'items',
  'resourceId',
  'group',
  'owner',
  'priority',
  'meta',
  'timeoutMs',
  'expiresInMs',
  'onDuplicate',
  'onSettled',
];
// Enough to find the usual slip, a function or a class instance near the top; the rest shows when it is sent.
const INSPECTED_ENTRIES = 100;

/**
 * Checks everything but the input's schema.
 * @throws TreadleError INVALID_ARGUMENT, UNSERIALIZABLE.
 */
export function checkSubmission(
  type: ResolvedTaskType,
  options: SubmitPolicy & { input?: unknown; items?: unknown },
): Submission {
  onlyKeys('submit options', options, KEYS);
  const { input, items, onSettled } = options;
  if (onSettled !== undefined && typeof onSettled !== 'function')
    throw invalidArgument('onSettled', 'a function', onSettled);
  const checked = items === undefined ? null : checkItems(items);
  if (type.shape?.kind === 'task' && checked !== null) {
    throw invalidArgument('items', `left out: "${type.name}" is made by defineTask and takes an \`input\``, items);
  }
  if (!type.policy.takesItems && checked !== null) {
    throw invalidArgument('items', `left out: "${type.name}" makes them of its \`input\``, items);
  }
  if (type.shape?.kind === 'batch' && !type.shape.plan && checked === null) {
    throw invalidArgument('items', `given: the module of "${type.name}" has no \`plan\``, items);
  }
  return {
    input,
    items: checked,
    resourceId: key('resourceId', options.resourceId),
    group: key('group', options.group),
    owner: key('owner', options.owner),
    priority: checkPriority(options.priority),
    meta: checkMeta(options.meta),
    timeoutMs: duration('timeoutMs', options.timeoutMs, type.policy.timeoutMs),
    expiresInMs: duration('expiresInMs', options.expiresInMs, type.policy.expiresInMs),
    onDuplicate:
      options.onDuplicate === undefined
        ? type.policy.onDuplicate
        : checkOnDuplicate('onDuplicate', options.onDuplicate),
    onSettled: onSettled ?? null,
  };
}

/** Refuses an input that surely can't reach a thread. @throws TreadleError UNSERIALIZABLE */
export function checkCloneable(input: unknown): unknown {
  const found = inspectCloneable(input, INSPECTED_ENTRIES);
  if (found === null || found.ok) return input;
  throw new TreadleError('UNSERIALIZABLE', `Expected \`input${found.path}\` to be cloneable, got ${found.what}`);
}

/** The input as the schema gives it back. @throws TreadleError INVALID_ARGUMENT, UNSERIALIZABLE. */
export async function checkInput(type: string, schema: StandardSchemaV1, input: unknown): Promise<unknown> {
  let result: StandardSchemaV1.Result<unknown>;
  try {
    result = await schema['~standard'].validate(input);
  } catch (cause) {
    throw new TreadleError('INVALID_ARGUMENT', `The input of "${type}" could not be checked: ${String(cause)}`, {
      cause,
    });
  }
  if (result.issues === undefined) return checkCloneable(result.value);
  const said = result.issues.slice(0, 5).map(({ message, path = [] }) => {
    const at = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    return boundText(at === '' ? message : `${at}: ${message}`);
  });
  throw new TreadleError('INVALID_ARGUMENT', `The input of "${type}" is not valid: ${said.join('; ')}`, {
    details: { issues: said },
  });
}

/** A name of at most 256 characters, null where none was given. */
export function key(name: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_KEY_LENGTH) {
    throw invalidArgument(name, `a string of 1 to ${MAX_KEY_LENGTH} characters`, value);
  }
  return value;
}

function checkMeta(meta: unknown): unknown {
  if (meta === undefined || meta === null) return null;
  let json: string | undefined;
  try {
    json = JSON.stringify(meta);
  } catch {
    // Said below.
  }
  if (json === undefined || Buffer.byteLength(json) > MAX_META_BYTES) {
    throw invalidArgument(
      'meta',
      `JSON of at most ${MAX_META_BYTES} bytes`,
      json === undefined ? meta : `${json.length} characters`,
    );
  }
  return JSON.parse(json, (_, value: unknown) => Object.freeze(value));
}
