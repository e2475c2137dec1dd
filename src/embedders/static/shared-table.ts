import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { checkUnchanged, fileChanged } from './file-stamp.js';
import { DTYPE_BYTES } from './safetensors.js';
import type { Section, StaticPlan } from './model-plan.js';

// Large enough to read fast, small enough to hash between two events. It shapes the digest, and with it the names of
// embedders: where it changes, their version must go up.
const PIECE_BYTES = 1 << 20;
const DIGEST_BYTES = 32;
const ALIGNMENT = 64;

/** The number of the first piece that nobody has begun to load; behind it, for each piece, 1 once it is there. */
const NEXT = 0;
const FLAGS = 1;

/** Some rows of a section: what is read at once. */
interface Piece {
  readonly section: Section;
  readonly fromRow: number;
  readonly rows: number;
  /** Where its rows belong in the buffer. */
  readonly at: number;
}

interface Layout {
  readonly pieces: readonly Piece[];
  /** Where each section begins. */
  readonly places: ReadonlyMap<Section, number>;
  readonly digestsAt: number;
  readonly bytes: number;
}

/**
 * The numbers of a model in memory that all threads share, as they are in the file.
 *
 * Whoever needs the table loads it: each takes the next piece that nobody has begun, and at the end those that somebody
 * began and did not finish. Nobody waits for anybody, so a thread that is killed holds nobody up; a piece that two load
 * gets the same bytes twice. A piece is marked when it is all there, and read only when all are.
 */
export class SharedTable {
  readonly buffer: SharedArrayBuffer;
  readonly #plan: StaticPlan;
  readonly #layout: Layout;
  readonly #cells: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param buffer of `SharedTable.bytes(plan)` bytes, all zero at first. */
  constructor(plan: StaticPlan, buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#plan = plan;
    this.#layout = layoutOf(plan);
    this.#cells = new Int32Array(buffer, 0, FLAGS + this.#layout.pieces.length);
    this.#bytes = new Uint8Array(buffer);
  }

  static bytes(plan: StaticPlan): number {
    return layoutOf(plan).bytes;
  }

  /** Where a section of the plan begins in the buffer. */
  placeOf(section: Section): number {
    return this.#layout.places.get(section) as number;
  }

  /** How many pieces are there, of how many. */
  get progress(): { readonly loaded: number; readonly pieces: number } {
    const { pieces } = this.#layout;
    return { loaded: pieces.filter((_, piece) => this.#has(piece)).length, pieces: pieces.length };
  }

  /** Resolves when the table is complete. @throws Error when the file has changed since it was planned. */
  async load(): Promise<void> {
    if (this.#isComplete) return;
    const { pieces } = this.#layout;
    const file = await open(this.#plan.model.path, 'r');
    try {
      checkUnchanged(this.#plan.model, await file.stat());
      const space = new Uint8Array(Math.max(...pieces.map((piece) => piece.rows * fileRowBytes(piece.section))));
      for (let piece = this.#claim(); piece < pieces.length; piece = this.#claim())
        await this.#load(file, piece, space);
      for (const piece of pieces.keys()) await this.#load(file, piece, space);
    } finally {
      await file.close();
    }
  }

  /** SHA-256 over all that was read, of a complete table: the same on every thread and machine. */
  digest(): Buffer {
    const { digestsAt, pieces } = this.#layout;
    const digests = this.#bytes.slice(digestsAt, digestsAt + pieces.length * DIGEST_BYTES);
    return createHash('sha256').update(digests).digest();
  }

  #claim(): number {
    return Atomics.add(this.#cells, NEXT, 1);
  }

  #has(piece: number): boolean {
    return Atomics.load(this.#cells, FLAGS + piece) === 1;
  }

  get #isComplete(): boolean {
    return this.#layout.pieces.every((_, piece) => this.#has(piece));
  }

  async #load(file: FileHandle, number: number, space: Uint8Array): Promise<void> {
    if (this.#has(number)) return;
    const { section, fromRow, rows, at } = this.#layout.pieces[number] as Piece;
    const rowBytes = fileRowBytes(section);
    const keptBytes = keptRowBytes(section);
    const content = space.subarray(0, rows * rowBytes);
    await readAll(file, content, section.from + fromRow * rowBytes, this.#plan.model.path);
    checkUnchanged(this.#plan.model, await file.stat());
    if (this.#has(number)) return;
    if (keptBytes === rowBytes) this.#bytes.set(content, at);
    else {
      for (let row = 0; row < rows; row++) {
        this.#bytes.set(content.subarray(row * rowBytes, row * rowBytes + keptBytes), at + row * keptBytes);
      }
    }
    const digest = createHash('sha256').update(content).digest();
    this.#bytes.set(digest, this.#layout.digestsAt + number * DIGEST_BYTES);
    // Who sees the mark also sees what was written before it.
    Atomics.store(this.#cells, FLAGS + number, 1);
  }
}

async function readAll(file: FileHandle, into: Uint8Array, from: number, path: string): Promise<void> {
  let at = 0;
  while (at < into.length) {
    const { bytesRead } = await file.read(into, at, into.length - at, from + at);
    if (bytesRead === 0) throw fileChanged(path);
    at += bytesRead;
  }
}

function layoutOf({ vectors, weights, mapping }: StaticPlan): Layout {
  const sections = [vectors, weights, mapping].filter((section) => section !== null);
  const perPiece = (section: Section): number => Math.max(1, Math.floor(PIECE_BYTES / fileRowBytes(section)));
  const count = sections.reduce((sum, section) => sum + Math.ceil(section.rows / perPiece(section)), 0);
  const digestsAt = aligned((FLAGS + count) * Int32Array.BYTES_PER_ELEMENT);
  let at = aligned(digestsAt + count * DIGEST_BYTES);
  const places = new Map<Section, number>();
  const pieces: Piece[] = [];
  for (const section of sections) {
    places.set(section, at);
    const step = perPiece(section);
    for (let fromRow = 0; fromRow < section.rows; fromRow += step) {
      const rows = Math.min(step, section.rows - fromRow);
      pieces.push({ section, fromRow, rows, at: at + fromRow * keptRowBytes(section) });
    }
    at = aligned(at + section.rows * keptRowBytes(section));
  }
  return { pieces, places, digestsAt, bytes: at };
}

function fileRowBytes({ dtype, columns }: Section): number {
  return columns * (DTYPE_BYTES[dtype] as number);
}

function keptRowBytes({ dtype, kept }: Section): number {
  return kept * (DTYPE_BYTES[dtype] as number);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
