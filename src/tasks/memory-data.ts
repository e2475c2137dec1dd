import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Database } from 'better-sqlite3';
import { type Embedder, checkEmbedder } from '../embedders/embedder.js';
import { type HashingOptions, hashingEmbedder } from '../embedders/hashing-embedder.js';
import type { TaskContext } from '../engine/define-task.js';
import { openConnection } from '../store/connection.js';
import { MemoryWriter } from '../store/memory-writer.js';

/** Names an embedder so that each thread can make its own. */
export interface EmbedderModule {
  /**
   * A module whose default export is a function that returns an embedder, or a promise of one: an absolute path or a
   * file URL. @default the hashing embedder
   */
  readonly module?: string;
  /** Given to that function. Must be cloneable. */
  readonly options?: unknown;
}

/** What the memory tasks are told about the store; it goes to each thread once. */
export interface MemoryData {
  /** The database file, as an absolute path. */
  readonly path: string;
  /** @default the hashing embedder with its defaults */
  readonly embedder?: EmbedderModule;
}

/** The thread's own connection, kept warm. */
export function connectionOf(context: TaskContext<MemoryData>): Database {
  const path = resolve(context.data.path);
  return context.perThread(`connection ${path}`, () => openConnection(path));
}

/** Statements prepared once on the thread's own connection. */
export function writerOf(context: TaskContext<MemoryData>): MemoryWriter {
  return context.perThread(`writer ${context.data.path}`, () => new MemoryWriter(connectionOf(context)));
}

/** The thread's own embedder, kept warm. @throws TreadleError INVALID_ARGUMENT when the module gives none. */
export function embedderOf(context: TaskContext<MemoryData>): Promise<Embedder> {
  const { embedder } = context.data;
  return context.perThread(`embedder ${JSON.stringify(embedder ?? null)}`, () => loadEmbedder(embedder));
}

async function loadEmbedder({ module, options }: EmbedderModule = {}): Promise<Embedder> {
  if (module === undefined) return hashingEmbedder(options as HashingOptions | undefined);
  const url = module.startsWith('file:') ? module : pathToFileURL(module).href;
  const { default: factory } = (await import(url)) as { default?: unknown };
  if (typeof factory !== 'function') {
    throw new TypeError(`Expected the default export of ${module} to be a function, got ${typeof factory}`);
  }
  return checkEmbedder(`what ${module} returns`, await (factory as (options: unknown) => unknown)(options));
}
