import type { TreadleErrorCode } from './errors.js';
import { STATUS_NUMBERS, type StatusNumber } from './status-tree.js';
import { type SettledRecord, TASK_STATUSES, type TaskStatus } from './task-record.js';

/** How many tasks of a type there are in each status, and how many failed with which code. */
export class StatusCounts {
  /** Those of all owners, where these are one owner's. */
  readonly #all: StatusCounts | null;
  readonly #numbers: number[] = TASK_STATUSES.map(() => 0);
  readonly #failures = new Map<TreadleErrorCode, number>();

  constructor(all: StatusCounts | null = null) {
    this.#all = all;
  }

  of(status: TaskStatus): number {
    return this.#numbers[STATUS_NUMBERS[status]] as number;
  }

  get failures(): ReadonlyMap<TreadleErrorCode, number> {
    return this.#failures;
  }

  get empty(): boolean {
    return this.#numbers.every((count) => count === 0);
  }

  /** There is another task; it is pending. */
  begin(): void {
    this.#change(STATUS_NUMBERS.pending, 1);
    this.#all?.begin();
  }

  move(from: StatusNumber, to: StatusNumber): void {
    this.#change(from, -1);
    this.#change(to, 1);
    this.#all?.move(from, to);
  }

  failed(code: TreadleErrorCode): void {
    this.#changeFailures(code, 1);
    this.#all?.failed(code);
  }

  /** It is not known any more; all owners' counts keep it. */
  forget({ status, error }: SettledRecord): void {
    this.#change(STATUS_NUMBERS[status], -1);
    if (error !== null) this.#changeFailures(error.code, -1);
  }

  #change(status: StatusNumber, by: number): void {
    this.#numbers[status] = (this.#numbers[status] as number) + by;
  }

  #changeFailures(code: TreadleErrorCode, by: number): void {
    const count = (this.#failures.get(code) ?? 0) + by;
    if (count === 0) this.#failures.delete(code);
    else this.#failures.set(code, count);
  }
}

const NONE: ReadonlyMap<string, StatusCounts> = new Map();

/**
 * Tasks by type and status: of all there ever were, and for each owner of those that are known. An owner's counts go with
 * the last of its tasks. A task without an owner is counted once.
 */
export class TaskCounts {
  readonly #types = new Map<string, StatusCounts>();
  readonly #owners = new Map<string, Map<string, StatusCounts>>();

  /** Counts a new task. Returns where its further way is to be counted. */
  add(type: string, owner: string | null): StatusCounts {
    let counts = this.#types.get(type);
    if (counts === undefined) this.#types.set(type, (counts = new StatusCounts()));
    if (owner !== null) counts = this.#ownCounts(type, owner, counts);
    counts.begin();
    return counts;
  }

  #ownCounts(type: string, owner: string, all: StatusCounts): StatusCounts {
    let types = this.#owners.get(owner);
    if (types === undefined) this.#owners.set(owner, (types = new Map()));
    let counts = types.get(type);
    if (counts === undefined) types.set(type, (counts = new StatusCounts(all)));
    return counts;
  }

  /** The history let go of it. */
  forget(record: SettledRecord): void {
    const { type, owner } = record;
    if (owner === null) return;
    const types = this.#owners.get(owner);
    const counts = types?.get(type);
    counts?.forget(record);
    if (counts?.empty === true) types?.delete(type);
    if (types?.size === 0) this.#owners.delete(owner);
  }

  /** By type; null for all owners. Types without a task may be missing. */
  of(owner: string | null): ReadonlyMap<string, StatusCounts> {
    return owner === null ? this.#types : (this.#owners.get(owner) ?? NONE);
  }

  /** How many owners have tasks that are known. */
  get owners(): number {
    return this.#owners.size;
  }
}
