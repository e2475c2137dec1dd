/** The hashing embedder, noting what it is given where the test finds it, if that is in the same process. */
import { type Embedder, type HashingOptions, hashingEmbedder } from 'treadle/embedders';

export default async function loggingEmbedder(options: HashingOptions): Promise<Embedder> {
  const hashing = hashingEmbedder(options);
  const { treadleTestEmbedded } = globalThis as { treadleTestEmbedded?: string[] };
  return {
    ...hashing,
    async embed(texts) {
      treadleTestEmbedded?.push(...texts);
      return hashing.embed(texts);
    },
  };
}
