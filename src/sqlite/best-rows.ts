/** A row that was found, by its number. */
export interface ScoredRow {
  readonly id: bigint;
  /** Higher is better. */
  readonly score: number;
}

/** Keeps the best of many scored rows: a binary heap with the worst on top. Of equal scores the earlier row wins. */
export class BestRows {
  readonly #limit: number;
  readonly #heap: ScoredRow[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes rows in ascending order of `id`. */
  offer(id: bigint, score: number): void {
    const heap = this.#heap;
    const worst = heap[0];
    if (heap.length < this.#limit) {
      heap.push({ id, score });
      this.#rise(heap.length - 1);
    } else if (worst !== undefined && score > worst.score) {
      heap[0] = { id, score };
      this.#sink();
    }
  }

  /** Best first. */
  sorted(): ScoredRow[] {
    return [...this.#heap].sort((one, other) => other.score - one.score || (one.id < other.id ? -1 : 1));
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#worse(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(): void {
    let at = 0;
    for (;;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#worse(child, worst)) worst = child;
      }
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }

  #worse(one: number, other: number): boolean {
    const [a, b] = [this.#at(one), this.#at(other)];
    return a.score < b.score || (a.score === b.score && a.id > b.id);
  }

  #swap(one: number, other: number): void {
    const row = this.#at(one);
    this.#heap[one] = this.#at(other);
    this.#heap[other] = row;
  }

  #at(index: number): ScoredRow {
    return this.#heap[index] as ScoredRow;
  }
}
