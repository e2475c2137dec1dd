import type { Embedder } from '../embedders/embedder.js';
import { type EmbedderModule, loadEmbedder } from '../embedders/embedder-module.js';

interface Shared {
  readonly embedder: Promise<Embedder>;
  holders: number;
}

const loaded = new Map<string, Shared>();

/**
 * The embedder of a module, one for all tasks of this thread: `perThread` keeps things by the module that asks, and a
 * model should not be there once for each of them. Closed when the last one who has it closes it.
 */
export async function sharedEmbedder(module: EmbedderModule): Promise<Embedder> {
  const key = JSON.stringify(module);
  let shared = loaded.get(key);
  if (shared === undefined) {
    shared = { embedder: loadEmbedder(module), holders: 0 };
    loaded.set(key, shared);
  }
  const present = shared;
  try {
    const embedder = await present.embedder;
    present.holders++;
    return {
      name: embedder.name,
      dimensions: embedder.dimensions,
      embed: (texts) => embedder.embed(texts),
      async close() {
        if (--present.holders > 0) return;
        loaded.delete(key);
        await embedder.close?.();
      },
    };
  } catch (error) {
    // The next one to ask tries again.
    loaded.delete(key);
    throw error;
  }
}
