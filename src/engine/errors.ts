/** Every way in which Treadle says no. Match on `code`; the message is for people. */
export type TreadleErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_TASK_TYPE'
  | 'QUEUE_FULL'
  | 'DUPLICATE_TASK'
  | 'TASK_FAILED'
  | 'TASK_CANCELLED'
  | 'TASK_TIMEOUT'
  | 'TASK_EXPIRED'
  | 'WORKER_EXITED'
  | 'WORKER_OUT_OF_MEMORY'
  | 'TASK_MODULE_FAILED'
  | 'UNSERIALIZABLE'
  | 'TASK_NOT_FOUND'
  | 'NOT_RERUNNABLE'
  | 'CLOSED';

export interface TreadleErrorOptions {
  /** The task it is about; for `DUPLICATE_TASK` the one that is in the way. */
  taskId?: string | undefined;
  cause?: unknown;
  /** Facts for programs: `{ item: 17 }`, `{ exitCode: 3 }`. */
  details?: Readonly<Record<string, unknown>> | undefined;
}

/** The one error class of Treadle. */
export class TreadleError extends Error {
  override readonly name = 'TreadleError';
  readonly code: TreadleErrorCode;
  readonly taskId: string | null;
  readonly details: Readonly<Record<string, unknown>> | null;

  constructor(code: TreadleErrorCode, message: string, options: TreadleErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.taskId = options.taskId ?? null;
    this.details = options.details ?? null;
  }
}

/** A value as an error message shows it: short, with its type. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string')
    return `${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)} (string)`;
  if (typeof value === 'function') return `${value.name || 'anonymous'} (function)`;
  if (typeof value === 'object')
    return Array.isArray(value) ? `an array of ${value.length}` : `an object (${className(value)})`;
  // What is left: a boolean, a number, a bigint or a symbol.
  const primitive = value as number;
  return `${String(primitive)} (${typeof value})`;
}

function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return 'Object';
  const { constructor } = prototype as { constructor?: { name?: unknown } };
  return typeof constructor?.name === 'string' ? constructor.name : 'Object';
}

/** ``Expected `threads.max` to be an integer >= 1, got -2 (number)``. */
export function invalidArgument(name: string, expectation: string, got: unknown): TreadleError {
  return new TreadleError('INVALID_ARGUMENT', `Expected \`${name}\` to be ${expectation}, got ${describeValue(got)}`);
}

/** Refuses anything that is not an object with none but the known keys. @throws TreadleError INVALID_ARGUMENT */
export function onlyKeys(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    throw new TreadleError('INVALID_ARGUMENT', `Expected \`${name}\` to have only ${known.join(', ')}, got \`${key}\``);
  }
}
