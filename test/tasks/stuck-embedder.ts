/** The hashing embedder, until the call in which it says so on the standard output and never comes back. */
import { writeSync } from 'node:fs';
import { type Embedder, hashingEmbedder } from 'treadle/embedders';

export default function stuckEmbedder({ atCall }: { atCall: number }): Embedder {
  const hashing = hashingEmbedder();
  let calls = 0;
  return {
    ...hashing,
    embed(texts) {
      if (++calls === atCall) stick(tellProcess);
      return hashing.embed(texts);
    },
  };
}

/** Says that this is the moment, and blocks the thread for ever. */
export function stick(tell: () => void): never {
  tell();
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

export function tellProcess(): void {
  writeSync(1, 'stuck\n');
}
