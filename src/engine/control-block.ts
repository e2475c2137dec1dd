/**
 * Shared-memory cells of one lane, seen from both sides: what is too frequent or too urgent for a message.
 *
 * A flight has an epoch; claims carry it, so that what was meant for an earlier flight is ignored. A member is sent, and
 * then either claimed by the thread or taken back by the host; one that is claimed may be asked to stop. The counters are
 * those of the member that is being run: its context alone writes them.
 */
import type { ModuleShape } from './protocol.js';

/** How many tasks a pack may have; each has a claim cell. */
export const MAX_MEMBERS = 256;

const LOADING = 0;
const BEATS = 1;
const STRAY_EXIT = 2;
const LEFT = 3;
const SHAPE = 4;
const CLAIMS = 5;
const INT_CELLS = CLAIMS + MAX_MEMBERS;
const DONE = 0;
const TOTAL = 1;
const HEAP = 2;
// Floats lie at multiples of their size.
const FLOAT_OFFSET = Math.ceil(INT_CELLS / 2) * Float64Array.BYTES_PER_ELEMENT;
const FLOAT_CELLS = 3;

const SHAPE_BITS = ['batch', 'plan', 'each', 'finish', 'cleanup'] as const;

const LOOK_EVERY_MS = 2;

const SENT = 0;
const CLAIMED = 1;
const TAKEN_BACK = 2;
const ASKED = 3;
// Claims hold epoch × 4 + state in 32 bits.
const MAX_EPOCH = 2 ** 29 - 1;

/** What a lane has counted in its present flight. */
export interface Counters {
  /** Items done, or the `done` of `ctx.progress`. */
  readonly done: number;
  /** The `total` of `ctx.progress`; NaN when not told. */
  readonly total: number;
  /** Rises whenever the task shows that it is alive. */
  readonly beats: number;
}

export class ControlBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;

  constructor(
    buffer: SharedArrayBuffer = new SharedArrayBuffer(FLOAT_OFFSET + FLOAT_CELLS * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.buffer = buffer;
    this.#ints = new Int32Array(buffer, 0, INT_CELLS);
    this.#floats = new Float64Array(buffer, FLOAT_OFFSET, FLOAT_CELLS);
  }

  static nextEpoch(epoch: number): number {
    return epoch >= MAX_EPOCH ? 1 : epoch + 1;
  }

  // Host side

  /** Makes the lane ready for a flight of `members` tasks. */
  launch(epoch: number, members: number): void {
    const sent = epoch * 4 + SENT;
    for (let index = 0; index < members; index++) Atomics.store(this.#ints, CLAIMS + index, sent);
    // Epochs come round again in the end.
    Atomics.store(this.#ints, STRAY_EXIT, 0);
    Atomics.store(this.#ints, LEFT, 0);
    Atomics.store(this.#ints, SHAPE, 0);
    this.#resetCounters();
  }

  /** The beats of {@link sample} alone. */
  get beats(): number {
    return Atomics.load(this.#ints, BEATS);
  }

  /** Another thread comes: nothing is known of its heap. */
  forgetHeap(): void {
    this.#floats[HEAP] = 0;
  }

  /** What the thread last said of its heap, in bytes; null before it has. */
  get heapUsedBytes(): number | null {
    const bytes = this.#floats[HEAP] as number;
    return bytes > 0 ? bytes : null;
  }

  /** Takes a member back that the thread has not begun; false when it has. */
  takeBack(epoch: number, index: number): boolean {
    const sent = epoch * 4 + SENT;
    return Atomics.compareExchange(this.#ints, CLAIMS + index, sent, epoch * 4 + TAKEN_BACK) === sent;
  }

  /** Whether the host has taken the member back. */
  isTakenBack(epoch: number, index: number): boolean {
    return Atomics.load(this.#ints, CLAIMS + index) === epoch * 4 + TAKEN_BACK;
  }

  /** Whether the thread has begun the member. */
  isClaimed(epoch: number, index: number): boolean {
    const cell = Atomics.load(this.#ints, CLAIMS + index);
    return cell === epoch * 4 + CLAIMED || cell === epoch * 4 + ASKED;
  }

  /** Asks a member to stop that the thread has begun; false where it has not, or it was asked already. */
  ask(epoch: number, index: number): boolean {
    const claimed = epoch * 4 + CLAIMED;
    return Atomics.compareExchange(this.#ints, CLAIMS + index, claimed, epoch * 4 + ASKED) === claimed;
  }

  sample(): Counters {
    return {
      done: this.#floats[DONE] as number,
      total: this.#floats[TOTAL] as number,
      beats: this.beats,
    };
  }

  /** True while the thread loads a task module: a death now is the module's. */
  get loading(): boolean {
    return Atomics.load(this.#ints, LOADING) === 1;
  }

  /** True when the thread exited under the flight because code told it to that an earlier task had left behind. */
  isStrayExit(epoch: number): boolean {
    return Atomics.load(this.#ints, STRAY_EXIT) === epoch;
  }

  /** Blocks until the thread has left the flight; false when it has not after so many milliseconds. */
  waitUntilLeft(epoch: number, timeoutMs: number): boolean {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = Atomics.load(this.#ints, LEFT);
      if (left === epoch) return true;
      const restMs = deadline - performance.now();
      if (restMs <= 0) return false;
      // Nobody notifies: that would cost each chunk what only a process pays that exits.
      Atomics.wait(this.#ints, LEFT, left, Math.min(restMs, LOOK_EVERY_MS));
    }
  }

  /** What the thread had said of the module before it was gone; null where it had not come to that. */
  shape(): ModuleShape | null {
    const bits = Atomics.load(this.#ints, SHAPE);
    if (bits === 0) return null;
    const has = (step: (typeof SHAPE_BITS)[number]): boolean => (bits & (2 << SHAPE_BITS.indexOf(step))) !== 0;
    return {
      kind: has('batch') ? 'batch' : 'task',
      plan: has('plan'),
      each: has('each'),
      finish: has('finish'),
      cleanup: has('cleanup'),
    };
  }

  // Thread side

  /** Begins a member; false when the host has taken it back. */
  claim(epoch: number, index: number): boolean {
    // Before it shows: what the host then reads are this member's.
    if (index > 0) this.#resetCounters();
    const sent = epoch * 4 + SENT;
    return Atomics.compareExchange(this.#ints, CLAIMS + index, sent, epoch * 4 + CLAIMED) === sent;
  }

  isAsked(epoch: number, index: number): boolean {
    return Atomics.load(this.#ints, CLAIMS + index) === epoch * 4 + ASKED;
  }

  count(done: number): void {
    this.#floats[DONE] = done;
    this.beat();
  }

  /** Shows that the work is alive. */
  beat(): void {
    // Not atomic: only this thread writes, and a reader needs no more than that it changed.
    this.#ints[BEATS] = (this.#ints[BEATS] as number) + 1;
  }

  countTotal(total: number): void {
    this.#floats[TOTAL] = total;
  }

  noteHeap(usedBytes: number): void {
    this.#floats[HEAP] = usedBytes;
  }

  noteStrayExit(epoch: number): void {
    Atomics.store(this.#ints, STRAY_EXIT, epoch);
  }

  /** Says that the thread has left the flight, to whoever waits for it. */
  leave(epoch: number): void {
    Atomics.store(this.#ints, LEFT, epoch);
  }

  /** The module of the present flight is loaded: should the thread die, the host still knows what it is. */
  describe(shape: ModuleShape): void {
    let bits = 1;
    for (const [at, step] of SHAPE_BITS.entries()) {
      if (step === 'batch' ? shape.kind === 'batch' : shape[step]) bits |= 2 << at;
    }
    Atomics.store(this.#ints, SHAPE, bits);
  }

  setLoading(loading: boolean): void {
    Atomics.store(this.#ints, LOADING, loading ? 1 : 0);
  }

  #resetCounters(): void {
    this.#floats[DONE] = 0;
    this.#floats[TOTAL] = Number.NaN;
  }
}
