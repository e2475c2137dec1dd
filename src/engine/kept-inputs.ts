import { bytesUpTo } from './cloneable.js';
import type { IndexRange } from './index-ranges.js';
import type { TaskWork } from './task.js';

/** What a settled task worked on, kept to run it again. */
export interface KeptInput {
  readonly work: TaskWork;
  /** Which of its items were not done; null where it had none. */
  readonly undone: readonly IndexRange[] | null;
}

// One task may have a sixteenth of the room, so that measuring it is cheap and it does not push out all the others.
const LARGEST_SHARE = 16;
const RANGE_BYTES = 16;

/** The inputs of failed tasks, as far as they fit in; the oldest goes first. */
export class KeptInputs {
  readonly #maxBytes: number;
  readonly #inputs = new Map<string, KeptInput & { readonly bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Roughly what all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): KeptInput | undefined {
    return this.#inputs.get(id);
  }

  /** False where it is too large. */
  keep(id: string, kept: KeptInput): boolean {
    const limit = this.#maxBytes / LARGEST_SHARE;
    const { input, items, planned } = kept.work;
    const bytes = bytesUpTo([input, items, planned], limit) + RANGE_BYTES * (kept.undone?.length ?? 0);
    if (bytes > limit) return false;
    this.#inputs.set(id, { ...kept, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#inputs.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.forget(oldest);
    }
    return true;
  }

  forget(id: string): void {
    this.#bytes -= this.#inputs.get(id)?.bytes ?? 0;
    this.#inputs.delete(id);
  }
}
