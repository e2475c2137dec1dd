/** A flag in shared memory: a thread raises it, the host waits for it without polling. */
export class SharedSignal {
  readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.cells = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.cells.buffer as SharedArrayBuffer;
  }

  raise(): void {
    Atomics.store(this.cells, 0, 1);
    Atomics.notify(this.cells, 0);
  }

  async raised(): Promise<void> {
    const waiting = Atomics.waitAsync(this.cells, 0, 0);
    if (waiting.async) await waiting.value;
  }
}
