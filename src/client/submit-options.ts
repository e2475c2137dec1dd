import type { InputField, TaskResult } from '../engine/submission.js';
import type { ItemOf, ItemsOf, OnDuplicate, TaskType } from '../engine/task-type.js';
import type { WireSubmission } from '../http/wire-calls.js';
import { onlyKeys } from './client-error.js';
import type { JsonOf } from './json-of.js';

/** What every submission over HTTP can say besides its input and items. */
export interface ClientSubmitPolicy {
  /** What the task works on. While one of the same owner, type and resource is unsettled, another is a duplicate. At most 256 characters. */
  resourceId?: string;
  /** What belongs together: see `results`. At most 256 characters. */
  group?: string;
  /** -5 (last) to 5 (first). @default 0 */
  priority?: number;
  /** Anything in JSON to find in the record again, at most 4 KiB. */
  meta?: unknown;
  /** What to do with a duplicate. @default the type's, which is 'reject' */
  onDuplicate?: OnDuplicate;
  /** Gives the call up; the task may have been taken on all the same. */
  signal?: AbortSignal;
}

type ItemsField<Definition> =
  ItemsOf<Definition> extends 'none'
    ? { items?: never }
    : ItemsOf<Definition> extends 'required'
      ? { items: readonly ItemOf<Definition>[] }
      : { items?: readonly ItemOf<Definition>[] };

/** What `submit` takes for a task type: its input and items, which go as JSON, and what every submission can say. */
export type ClientSubmitOptions<Type> =
  Type extends TaskType<infer Definition, infer Input>
    ? InputField<Input> & ItemsField<Definition> & ClientSubmitPolicy
    : never;

/** The options of `submit` as arguments: they can be left out where nothing is required. */
export type ClientSubmitArguments<Type> =
  Partial<ClientSubmitOptions<Type>> extends ClientSubmitOptions<Type>
    ? [options?: ClientSubmitOptions<Type>]
    : [options: ClientSubmitOptions<Type>];

/** The result of a task type as JSON has it. */
export type ClientResult<Type> = JsonOf<TaskResult<Type>>;

const KEYS = ['input', 'items', 'resourceId', 'group', 'priority', 'meta', 'onDuplicate', 'signal'];

/** The body of a submission. @throws TaskClientError INVALID_ARGUMENT for an option that there is not. */
export function bodyOf(
  type: string,
  options: ClientSubmitPolicy & { input?: unknown; items?: readonly unknown[] },
): { readonly [Key in keyof WireSubmission]: unknown } {
  onlyKeys('submit options', options, KEYS);
  const { input, items, resourceId, group, priority, meta, onDuplicate } = options;
  return { task_type: type, input, items, resource_id: resourceId, group, priority, meta, on_duplicate: onDuplicate };
}
