import { expect } from 'vitest';

/** Whose a text is. No text is there twice, whoever has it. */
export interface Shelf {
  readonly userId: string;
  readonly namespace: string;
}

/** A row of the store. */
export interface LedgerRow extends Shelf {
  readonly content: string;
}

/** What became of rows that a task may store or delete. */
export interface Moved {
  readonly stored: number;
  readonly swept: number;
}

// Texts that are gone, and must not be found again.
const REMEMBERED = 50;

/** What must be in a store, and what may be, by the text. */
export class Ledger {
  /** Accepted: each is there, once. */
  readonly kept: Map<string, Shelf> = new Map();
  /** Expired: a sweep may delete them, and nobody else. */
  readonly expired: Map<string, Shelf> = new Map();
  /** Given to a task: it may have stored them. */
  readonly offered: Map<string, Shelf> = new Map();
  /** Some texts that were deleted or changed. */
  readonly gone: string[] = [];

  forget(content: string): void {
    this.kept.delete(content);
    this.gone.push(content);
    if (this.gone.length > REMEMBERED) this.gone.shift();
  }

  /**
   * Expects that the store has these rows by right, and takes note of what was stored and swept.
   *
   * @param maySweep whether an expired row was to be deleted
   */
  compare(rows: readonly LedgerRow[], maySweep: (shelf: Shelf) => boolean): Moved {
    const found = new Map(rows.map((row) => [row.content, row]));
    expect(found.size, 'no text is there twice').toBe(rows.length);
    let [stored, swept] = [0, 0];
    for (const [content, { userId, namespace }] of found) {
      const offer = this.offered.get(content);
      if (offer !== undefined && !this.kept.has(content)) {
        this.kept.set(content, offer);
        stored++;
      }
      const shelf = this.kept.get(content) ?? this.expired.get(content);
      expect({ content, userId, namespace }).toEqual({ content, ...shelf });
    }
    const lost = [...this.kept.keys()].filter((content) => !found.has(content));
    expect(lost, 'nothing accepted is lost').toEqual([]);
    for (const [content, shelf] of this.expired) {
      if (found.has(content)) continue;
      expect(maySweep(shelf), `${content} was to be deleted`).toBe(true);
      this.expired.delete(content);
      swept++;
    }
    return { stored, swept };
  }
}
