const FIRST_CAPACITY = 4_096;

/** Counts 32-bit feature hashes: an open-addressing table that is emptied without being walked, and grows. */
export class FeatureCounts {
  /** How many different features there are. They are numbered from 0 in the order of first appearance. */
  size = 0;
  keys: Int32Array = new Int32Array(FIRST_CAPACITY / 2);
  counts: Int32Array = new Int32Array(FIRST_CAPACITY / 2);
  /** The number of the feature in a slot, plus one; 0 in an empty slot. */
  #slots = new Int32Array(FIRST_CAPACITY);
  /** The slot of each feature. */
  #slotOf = new Int32Array(FIRST_CAPACITY / 2);

  /** Counts a feature `by` times and returns its number. Hashes must be well mixed in their low bits. */
  add(hash: number, by: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    let number = (slots[slot] as number) - 1;
    while (number >= 0) {
      if (this.keys[number] === hash) {
        this.counts[number] = (this.counts[number] as number) + by;
        return number;
      }
      slot = (slot + 1) & mask;
      number = (slots[slot] as number) - 1;
    }
    number = this.size++;
    slots[slot] = number + 1;
    this.#slotOf[number] = slot;
    this.keys[number] = hash;
    this.counts[number] = by;
    if (this.size === this.keys.length) this.#grow();
    return number;
  }

  clear(): void {
    for (let number = 0; number < this.size; number++) this.#slots[this.#slotOf[number] as number] = 0;
    this.size = 0;
  }

  #grow(): void {
    this.keys = longer(this.keys);
    this.counts = longer(this.counts);
    this.#slotOf = longer(this.#slotOf);
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.size; number++) {
      let slot = (this.keys[number] as number) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = number + 1;
      this.#slotOf[number] = slot;
    }
  }
}

function longer(array: Int32Array): Int32Array<ArrayBuffer> {
  const twice = new Int32Array(array.length * 2);
  twice.set(array);
  return twice;
}
