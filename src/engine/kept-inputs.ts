import { bytesUpTo } from './cloneable.js';
import type { IndexRange } from './index-ranges.js';
import { LinkedList, type ListNode } from './linked-list.js';
import type { TaskWork } from './task.js';

/** What a settled task worked on, kept to run it again. */
export interface KeptInput {
  readonly work: TaskWork;
  /** Which of its items were not done; null where it had none. */
  readonly undone: readonly IndexRange[] | null;
}

interface Kept {
  readonly id: string;
  readonly input: KeptInput;
  readonly bytes: number;
}

// One task may have a sixteenth of the room, so that measuring it is cheap and it does not push out all the others.
const LARGEST_SHARE = 16;
const RANGE_BYTES = 16;

/** The inputs of failed tasks, as far as they fit in; the oldest goes first. */
export class KeptInputs {
  readonly #maxBytes: number;
  readonly #inputs = new Map<string, ListNode<Kept>>();
  // A map would have to look for its oldest entry behind all those that have left since.
  readonly #oldestFirst = new LinkedList<Kept>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Roughly what all of them take. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): KeptInput | undefined {
    return this.#inputs.get(id)?.value.input;
  }

  /** False where it is too large. */
  keep(id: string, kept: KeptInput): boolean {
    const limit = this.#maxBytes / LARGEST_SHARE;
    const { input, items, planned } = kept.work;
    const bytes = bytesUpTo([input, items, planned], limit) + RANGE_BYTES * (kept.undone?.length ?? 0);
    if (bytes > limit) return false;
    this.#inputs.set(id, this.#oldestFirst.append({ id, input: kept, bytes }));
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#oldestFirst.first !== null) {
      this.forget(this.#oldestFirst.first.value.id);
    }
    return true;
  }

  forget(id: string): void {
    const node = this.#inputs.get(id);
    if (node === undefined) return;
    this.#inputs.delete(id);
    this.#oldestFirst.remove(node);
    this.#bytes -= node.value.bytes;
  }
}
