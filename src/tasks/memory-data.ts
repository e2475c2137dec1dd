import { resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Embedder } from '../embedders/embedder.js';
import { type EmbedderModule, loadEmbedder } from '../embedders/embedder-module.js';
import type { TaskContext } from '../engine/define-task.js';
import { openConnection } from '../store/connection.js';
import { MemoryWriter } from '../store/memory-writer.js';

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
