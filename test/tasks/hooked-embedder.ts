import { type Embedder, type HashingOptions, hashingEmbedder } from 'treadle/embedders';

interface Hooked {
  treadleTestOnEmbed?: (texts: readonly string[]) => void | Promise<void>;
}

/** A hashing embedder that tells the test in whose process it runs before it embeds. */
export default function hookedEmbedder(options: HashingOptions): Embedder {
  const embedder = hashingEmbedder(options);
  return {
    ...embedder,
    async embed(texts) {
      await (globalThis as Hooked).treadleTestOnEmbed?.(texts);
      return embedder.embed(texts);
    },
  };
}
