import { defineTask, transfer } from 'treadle/task';

const kept = new Float32Array(4_096).fill(7);

type Input =
  | { readonly returns: 'kept' | 'given' }
  | { readonly sum: Float32Array }
  | { readonly throws: Float32Array; readonly attempts: Int32Array }
  | { readonly exits: Float32Array }
  | { readonly waits: Float32Array };

/** Returns memory that it keeps, or gives it away, or works on what it was given; each says what it saw. */
export default defineTask((input: Input, context) => {
  if ('sum' in input) return { sum: input.sum.reduce((sum, number) => sum + number, 0) };
  if ('throws' in input) {
    Atomics.add(input.attempts, 0, 1);
    throw new Error(`boom over ${input.throws.length}`);
  }
  if ('exits' in input) process.exit(3);
  if ('waits' in input) for (;;) context.throwIfCancelled();
  if (input.returns === 'kept') return { vectors: [kept, kept.subarray(1_024, 2_048)], before: kept.length };
  const own = new Float32Array(4_096).fill(9);
  return { vectors: [transfer(own)], before: kept.length };
});
