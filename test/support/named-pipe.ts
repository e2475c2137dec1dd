import { execFileSync } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';

// More than the buffer of a pipe, so that who writes it waits for who reads.
const BYTES = 1 << 20;

/** A pipe in the file system: native calls on it last until the other side does its part. Not on Windows. */
export class NamedPipe {
  readonly path: string;
  readonly bytes = BYTES;
  #reader: FileHandle | null = null;
  #read = 0;

  constructor(path: string) {
    this.path = path;
    execFileSync('mkfifo', [path]);
  }

  /** Resolves when somebody is inside the native call that writes {@link bytes}, and can't leave it. */
  async written(): Promise<void> {
    this.#reader = await open(this.path, 'r');
    this.#read = (await this.#reader.read(Buffer.alloc(1), 0, 1)).bytesRead;
  }

  /** Reads half of it: that the other half comes shows that the call goes on. */
  readHalf(): Promise<void> {
    return this.#readUntil(BYTES / 2);
  }

  /** Reads the rest, which ends that call. */
  async drain(): Promise<void> {
    await this.#readUntil(BYTES);
    await this.#reader?.close();
    this.#reader = null;
  }

  async #readUntil(end: number): Promise<void> {
    const buffer = Buffer.alloc(BYTES);
    while (this.#reader !== null && this.#read < end) {
      const { bytesRead } = await this.#reader.read(buffer, 0, end - this.#read);
      if (bytesRead === 0) throw new Error(`The pipe ended after ${this.#read} of ${BYTES} bytes`);
      this.#read += bytesRead;
    }
  }

  /** Resolves when somebody reads it, which lasts until `end` of what this returns is called. */
  async read(): Promise<{ end: () => Promise<void> }> {
    const writer = await open(this.path, 'w');
    return { end: () => writer.close() };
  }
}
