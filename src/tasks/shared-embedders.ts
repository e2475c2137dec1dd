import { isDeepStrictEqual } from 'node:util';
import type { Embedder } from '../embedders/embedder.js';
import { type EmbedderModule, loadEmbedder } from '../embedders/embedder-module.js';

interface Shared {
  readonly embedder: Promise<Embedder>;
  holders: number;
}

const loaded = new Map<number, Shared>();
// A thread is told of few. Each of its task types has its own copy of the same.
const known: EmbedderModule[] = [];
const keys = new WeakMap<EmbedderModule, number>();

/** A number for an embedder: the same one where `module` and `options`, which may be all that can be cloned, are alike. */
export function embedderKey(embedder: EmbedderModule): number {
  let key = keys.get(embedder);
  if (key === undefined) {
    key = known.findIndex((other) => isAlike(embedder, other));
    if (key === -1) key = known.push(embedder) - 1;
    // Asked for with each chunk, and options may hold a whole model.
    keys.set(embedder, key);
  }
  return key;
}

function isAlike(one: EmbedderModule, other: EmbedderModule): boolean {
  return one.module === other.module && isDeepStrictEqual(one.options, other.options);
}

/**
 * The embedder of a module, one for all tasks of this thread: `perThread` keeps things by the module that asks, and a
 * model should not be there once for each of them. Closed when the last one who has it closes it.
 */
export async function sharedEmbedder(module: EmbedderModule): Promise<Embedder> {
  const key = embedderKey(module);
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
        if (loaded.get(key) === present) loaded.delete(key);
        await embedder.close?.();
      },
    };
  } catch (error) {
    // The next one to ask tries again, unless one has already.
    if (loaded.get(key) === present) loaded.delete(key);
    throw error;
  }
}
