import { pbkdf2Sync } from 'node:crypto';
import { defineBatch } from 'treadle/task';
import { Gate } from './gate.js';

/** What the task does to who runs it. */
export interface Hostile {
  /** `plan` never ends, as often as it is asked. */
  plan?: 'spins';
  /** Counts the attempts of `plan`. */
  attempts?: SharedArrayBuffer;
  /** What `run` does with the array that it is given. */
  items?: 'eats' | 'feeds';
  /** It returns, and leaves a native call behind. */
  leaves?: SharedArrayBuffer;
}

/** A batch that does what it should not. */
export default defineBatch({
  plan: ({ plan, attempts }: Hostile) => {
    if (attempts !== undefined) new Gate(attempts).arrive();
    if (plan === 'spins') for (;;);
    return [1, 2, 3];
  },
  run: (items: readonly number[], _ctx, { items: does, leaves }: Hostile) => {
    if (does === 'eats') (items as number[]).length = 0;
    if (does === 'feeds') (items as number[]).push(4, 5);
    if (leaves !== undefined) {
      const gate = new Gate(leaves);
      setImmediate(() => {
        gate.arrive();
        pbkdf2Sync('password', 'salt', 6_000_000, 64, 'sha512');
      });
    }
  },
});
