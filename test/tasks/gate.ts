/**
 * A gate in shared memory between a test and the code it runs on a thread: the thread arrives and waits, the test
 * waits for arrivals and opens. No side ever guesses a time.
 */
const ARRIVED = 0;
const OPEN = 1;

export class Gate {
  readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.cells = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.cells.buffer as SharedArrayBuffer;
  }

  get arrivals(): number {
    return Atomics.load(this.cells, ARRIVED);
  }

  /** On the thread: says that it is here. */
  arrive(): void {
    Atomics.add(this.cells, ARRIVED, 1);
    Atomics.notify(this.cells, ARRIVED);
  }

  get isOpen(): boolean {
    return Atomics.load(this.cells, OPEN) === 1;
  }

  /** On the thread: arrives, and blocks the thread until the gate is open. */
  pass(): void {
    this.arrive();
    Atomics.wait(this.cells, OPEN, 0);
  }

  /** In the test: opens for all, now and later. */
  open(): void {
    Atomics.store(this.cells, OPEN, 1);
    Atomics.notify(this.cells, OPEN);
  }

  /** In the test: resolves when so many have arrived. */
  async arrived(count = 1): Promise<void> {
    for (;;) {
      const now = this.arrivals;
      if (now >= count) return;
      const waiting = Atomics.waitAsync(this.cells, ARRIVED, now);
      if (waiting.async) await waiting.value;
    }
  }
}
