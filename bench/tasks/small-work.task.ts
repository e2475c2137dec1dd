import { defineTask } from 'treadle/task';
import { hashRounds } from './hash-rounds.js';

/** A small piece of work, as a request asks for it. */
export interface SmallWork {
  readonly rounds: number;
  /** How long the text is that it returns. Bytes. */
  readonly resultBytes: number;
  /** Whether it fails when it has worked. */
  readonly fails: boolean;
}

export default defineTask(({ rounds, resultBytes, fails }: SmallWork) => {
  const hash = hashRounds(rounds);
  if (fails) throw new Error('Not yet');
  return { hash, text: 'x'.repeat(resultBytes) };
});
