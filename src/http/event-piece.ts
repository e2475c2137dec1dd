/** How much a reader is given at a time. What it has not taken waits in the log, which is one for all. */
const MAX_BYTES = 64 * 1024;

/** What a reader is given at a time. */
export class Piece {
  readonly #frames: Buffer[] = [];
  #size = 0;

  get empty(): boolean {
    return this.#size === 0;
  }

  get full(): boolean {
    return this.#size >= MAX_BYTES;
  }

  add(frame: Buffer): void {
    this.#frames.push(frame);
    this.#size += frame.byteLength;
  }

  /** A copy: the frames are for all readers. */
  bytes(): Buffer {
    return Buffer.concat(this.#frames, this.#size);
  }
}
