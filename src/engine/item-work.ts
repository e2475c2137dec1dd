import { ChunkSizer } from './chunk.js';
import type { ChunkQueue } from './chunk-queue.js';
import { partOf, splitChunk } from './chunk-split.js';
import type { TreadleError } from './errors.js';
import { type IndexRange, mergeRanges } from './index-ranges.js';
import { type Cut, type ItemSource, restSource } from './item-source.js';
import type { Chunk, Outcome } from './lanes.js';
import { Parts } from './parts.js';
import type { ItemFailure } from './protocol.js';
import type { Retries } from './retry-policy.js';
import { errorOfItem } from './task-failure.js';
import type { Task } from './task.js';
import type { ResolvedPolicy } from './task-type.js';

/** What a chunk has done: `done` items from its first one on. */
interface ItemsDone extends Pick<Outcome & { kind: 'returned' }, 'done' | 'ms' | 'failed'> {
  /** What `run` returned, or one value for each item that `each` came past. */
  readonly value?: unknown;
}

// The host reads an answer in one go, some 0.5 µs for each object in it and what collecting them costs.
const MAX_OBJECTS = 512;

/** Errors that may be the doing of one item; others would meet every item. */
const OF_AN_ITEM = new Set(['TASK_FAILED', 'WORKER_EXITED', 'WORKER_OUT_OF_MEMORY', 'UNSERIALIZABLE']);

/**
 * The items of one task: where they come from, how they are cut, what has come back of them, and what becomes of those
 * that fail. An item is over when it is done or skipped.
 */
export class ItemWork {
  readonly #source: ItemSource;
  readonly #sizer: ChunkSizer;
  readonly #again: ChunkQueue;
  readonly #retries: Retries;
  readonly #task: Task;
  readonly #skips: boolean;
  readonly #parts = new Parts();
  /** What chunks did not come to in their time: cut again, because it costs more than was thought. */
  #left: ItemSource[] = [];
  /** How many items a chunk may have, so that reading its answer does not keep the event loop. */
  #most = Infinity;
  readonly #fewest: number;

  /** What is to run again is put into `again`. */
  constructor(source: ItemSource, task: Task, policy: ResolvedPolicy, again: ChunkQueue, retries: Retries) {
    this.#source = source;
    this.#sizer = new ChunkSizer(policy.chunk);
    this.#fewest = policy.chunk.min;
    this.#again = again;
    this.#retries = retries;
    this.#task = task;
    this.#skips = policy.skipsItems;
  }

  /** Null while unknown. */
  get total(): number | null {
    return this.#source.total;
  }

  /** Every item has been cut. */
  get allCut(): boolean {
    return this.#source.exhausted && this.#left.length === 0;
  }

  /** Every item is over. */
  get allOver(): boolean {
    return this.#source.total === this.#parts.items;
  }

  /** The next cut; null when there is none, or none yet. */
  cut(threads: number): Cut | null {
    const size = Math.min(this.#most, this.#sizer.next(this.#uncut, threads));
    const left = this.#left.at(-1);
    if (left === undefined) return this.#source.take(size);
    const cut = left.take(size);
    if (left.exhausted) this.#left.pop();
    return cut;
  }

  /** How many items are to be cut; null while unknown. */
  get #uncut(): number | null {
    let uncut = this.#source.rest;
    if (uncut !== null) for (const left of this.#left) uncut += left.rest ?? 0;
    return uncut;
  }

  /** A chunk came back. With `each` it may have come past some of its items only, and some of those may have failed. */
  returned(chunk: Chunk, outcome: ItemsDone): void {
    this.#record(chunk, outcome);
    const { failed = [], done } = outcome;
    const [again, forGood] = this.#sortOut(chunk, failed);
    let at = 0;
    for (const { from, to } of mergeRanges(again.map(rangeOf))) {
      const failures = again.slice(at, (at += to - from));
      // The error of the first stands for its neighbours.
      const error = errorOfItem(this.#task.identity, failures[0] as ItemFailure);
      const delayMs = this.#retries.delayMs(chunk.failures, error);
      if (delayMs === null) forGood.push(...failures);
      else this.#again.add({ ...partOf(chunk, from, to), failures: chunk.failures + 1 }, delayMs);
    }
    this.#skipAll(forGood);
    if (done < chunk.to - chunk.from) this.#leave(chunk, chunk.from + done);
  }

  /** The items from `from` on, which its time did not suffice for. */
  #leave(chunk: Chunk, from: number): void {
    const { attempt, failures } = chunk;
    // Where items are skipped, each of them has failed as often as the others.
    if (this.#skips && failures > 0) this.#again.add({ ...partOf(chunk, from, chunk.to), attempt, failures });
    else this.#left.push(restSource(chunk, from));
  }

  /** Which of them may be tried again. */
  #sortOut(chunk: Chunk, failed: readonly ItemFailure[]): [again: ItemFailure[], forGood: ItemFailure[]] {
    const again: ItemFailure[] = [];
    const forGood: ItemFailure[] = [];
    const spent = failed[0] === undefined || chunk.moves !== undefined || !this.#retries.left(chunk.failures);
    for (const failure of failed) (spent || failure.error.permanent === true ? forGood : again).push(failure);
    return [again, forGood];
  }

  /** `each` threw at an item: what it had done before stays. Returns the error where it ends the task. */
  threw(chunk: Chunk, outcome: ItemsDone, error: TreadleError): TreadleError | null {
    if (outcome.done === 0) return this.failed(chunk, error);
    this.#record(chunk, outcome);
    // Another item than the one that an earlier failure was held against.
    return this.failed({ ...unbegun(chunk, chunk.from + outcome.done), attempt: chunk.attempt }, error);
  }

  /** A chunk failed as a whole. Returns the error where it ends the task, null where it goes on. */
  failed(chunk: Chunk, error: TreadleError, free = 0, itsOwn = true): TreadleError | null {
    const delayMs = this.#retries.delayMs(chunk.failures, error, free);
    if (delayMs !== null) {
      this.#again.add({ ...chunk, attempt: chunk.attempt + 1, failures: chunk.failures + 1 }, delayMs);
    } else if (!this.#skips || !itsOwn || chunk.phase !== 'run' || !OF_AN_ITEM.has(error.code)) {
      return error;
    } else if (chunk.to - chunk.from > 1) {
      // It was tried as often as it may be: its parts are tried once each, until an item stands alone.
      for (const part of splitChunk(chunk, null)) {
        this.#again.add({ ...part, failures: part.to - part.from > 1 ? chunk.failures : 0 });
      }
    } else {
      this.#skip(chunk);
      this.#task.failedItems.add(chunk.from, error);
    }
    return null;
  }

  /** Runs a chunk whose thread died again in smaller ones, to find the item that is to blame: `suspect`, where that is known. */
  split(chunk: Chunk, suspect: number | null): void {
    for (const part of splitChunk(chunk, suspect)) this.#again.add(part);
  }

  #record(chunk: Chunk, { done, ms, value, failed = [] }: ItemsDone): void {
    this.#sizer.record(ms, done);
    if (holdsObjects(value)) this.#most = Math.max(this.#fewest, MAX_OBJECTS);
    this.#task.progress.acknowledge(done - failed.length);
    if (failed.length === 0) return this.#parts.add(chunk.from, done, value);
    let at = chunk.from;
    for (const { index } of [...failed, { index: chunk.from + done }]) {
      const values = Array.isArray(value) ? value.slice(at - chunk.from, index - chunk.from) : undefined;
      if (index > at) this.#parts.add(at, index - at, values);
      at = index + 1;
    }
  }

  #skipAll(failed: readonly ItemFailure[]): void {
    const list = failed.length > 0 ? this.#task.failedItems : null;
    for (const failure of failed) {
      if (list?.full === true) list.addMore(1);
      else list?.add(failure.index, errorOfItem(this.#task.identity, failure));
    }
    for (const range of mergeRanges(failed.map(rangeOf))) this.#skip(range);
  }

  #skip(range: IndexRange): void {
    this.#parts.skip(range);
    this.#task.progress.acknowledge(range.to - range.from);
  }

  /** Which items were not done, skipped ones included; null while nobody knows how many there are. */
  undone(): readonly IndexRange[] | null {
    return this.#source.total === null ? null : this.#parts.undone(this.#source.total);
  }

  /** One value for each chunk, for `finish`. */
  parts(): unknown[] {
    return this.#parts.inOrder();
  }

  /** One value for each item. */
  results(): unknown[] | undefined {
    return this.#parts.flat();
  }

  /** No more items are wanted. */
  close(): void {
    this.#left = [];
    this.#source.close();
  }
}

/** Whether a result of an item is an object; the first stands for all. */
function holdsObjects(value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null;
}

function rangeOf({ index }: ItemFailure): IndexRange {
  return { from: index, to: index + 1 };
}

/** The items of a chunk from `from` on, which it did not come to. */
function unbegun(chunk: Chunk, from: number): Chunk {
  return { ...partOf(chunk, from, chunk.to), attempt: 1 };
}
